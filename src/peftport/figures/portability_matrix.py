"""The portability matrix: what each technique carries over each transfer without any training there."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from peftport.figures import style

NEEDS = ["portability"]
CAPTION = (
    "What a ported module brings to the target host before any training there. The large number is the recovered gap: "
    "0% is the bare host, 100% the host's own (native) modules; below it stand its 95% interval and the score. "
    "Darker is better; values below 0% and above 100% have the colours of these ends. Hatched: withheld, because "
    "native modules are not shown to be 3 points above the bare host, or were not run. Where no gap can be given at "
    "all, the large number is the score above the bare host in points or, without a bare host, the score (accuracy, "
    "where nothing else is said)."
)
ABOVE_BARE = "points above the bare host"
ROUTE = ["source_host", "target_host", "map"]
PAIR = ["source_dataset", "target_dataset"]


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The figure, from table `portability`: rows are transfers, columns techniques, one panel per dataset pair."""
    frame = tables["portability"]
    frame = frame[frame["initialisation"] == "ported"]
    if frame.empty:
        return style.note("No ported modules to draw.")
    frame = frame[frame["budget_steps"] == frame["budget_steps"].min()]
    with style.theme():
        return _draw(frame)


def _draw(frame: pd.DataFrame) -> Figure:
    """Panels side by side, two at most, then below each other."""
    transfers, pairs = style.present(frame, ROUTE), style.present(frame, PAIR)
    techniques = style.techniques_of(frame)
    across = 2 if len(pairs) > 1 and len(techniques) <= 4 else 1
    down = -(-len(pairs) // across)
    height = down * (0.5 * len(transfers) + 0.6) + 0.4
    width = style.WIDTH_INCHES if across == 2 else min(style.WIDTH_INCHES, 3.6 + 1.3 * len(techniques))
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    panels = figure.subplots(down, across, squeeze=False)
    name, values = _measure(frame)
    for axes, pair in zip(panels.flat, pairs, strict=False):
        cells = frame.assign(value=values)
        cells = cells[(cells[PAIR[0]] == pair[0]) & (cells[PAIR[1]] == pair[1])]
        _panel(axes, cells, transfers, techniques, name)
        if len(pairs) > 1:
            score = f" ({style.score_name(cells)})" if frame["metric"].nunique() > 1 else ""
            axes.set_title(f"datasets: {style.datasets(*pair)}{score}", pad=6)
    budget = int(frame["budget_steps"].iloc[0])
    after = "zero-shot" if budget == 0 else f"after {budget:,} steps"
    figure.suptitle(f"{name[0].upper()}{name[1:]} of ported modules, {after}", x=0.01, ha="left", fontweight="bold")
    for axes in list(panels.flat)[len(pairs) :]:
        axes.set_visible(False)
    for axes in panels[:, 1:].flat:
        axes.set_yticklabels([])
    return figure


def _measure(frame: pd.DataFrame) -> tuple[str, pd.Series]:
    """What the cells show: the recovered gap where any is given, else the score above bare, else the score."""
    if frame["recovered_gap"].notna().any():
        return "recovered gap", frame["recovered_gap"]
    if frame["bare_accuracy"].notna().any():
        return ABOVE_BARE, frame["accuracy_mean"] - frame["bare_accuracy"]
    return style.score_name(frame), frame["accuracy_mean"]


def _panel(axes: Axes, cells: pd.DataFrame, transfers: list[tuple], techniques: list[str], name: str) -> None:
    """One heat map with its numbers."""
    colours = sns.color_palette("crest", as_cmap=True)
    top = 1.0 if name != ABOVE_BARE else max(0.1, float(cells["value"].max()))
    indexed = cells.set_index([*ROUTE, "technique"])
    for row, route in enumerate(transfers):
        for column, technique in enumerate(techniques):
            key = (*route, technique)
            cell = indexed.loc[key] if key in indexed.index else None
            _cell(axes, (column, row), cell, name, colours, top)
    axes.set_xlim(0, len(techniques))
    axes.set_ylim(len(transfers), 0)
    axes.set_xticks(np.arange(len(techniques)) + 0.5, [style.title(technique) for technique in techniques])
    axes.set_yticks(np.arange(len(transfers)) + 0.5, [style.transfer(*route) for route in transfers])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _cell(
    axes: Axes, corner: tuple[int, int], cell: pd.Series | None, name: str, colours: Colormap, top: float
) -> None:
    """One cell: colour, number, score; hatched where the number is withheld, empty where nothing was run."""
    column, row = corner
    middle = column + 0.5
    if cell is None:
        axes.text(middle, row + 0.5, "not run", ha="center", va="center", fontsize=8, color="#777777")
        return
    withheld = pd.isna(cell["value"])
    shade = "#f2f2f2" if withheld else colours(float(np.clip(cell["value"] / top, 0, 1)))
    patch = Rectangle(corner, 1, 1, facecolor=shade, edgecolor="white", linewidth=2)
    axes.add_patch(patch)
    ink = style.INK if withheld or np.dot(shade[:3], [0.3, 0.59, 0.11]) > 0.5 else "white"
    if withheld:
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor="#d4d4d4", linewidth=0))
        text = "withheld"
    else:
        text = {"recovered gap": f"{100 * cell['value']:.0f}%", ABOVE_BARE: style.signed(cell["value"])}.get(
            name, f"{cell['value']:.2f}"
        ).replace("-", "\N{MINUS SIGN}")
    if name not in ("recovered gap", ABOVE_BARE):
        axes.text(middle, row + 0.5, text, ha="center", va="center", color=ink, fontsize=10, fontweight="bold")
        return
    size = {"fontsize": 8} if withheld else {"fontsize": 10, "fontweight": "bold"}
    axes.text(middle, row + 0.32, text, ha="center", va="center", color=ink, **size)
    below = f"{cell['accuracy_mean']:.2f}"
    if name == "recovered gap" and not withheld:
        low, high = (f"{100 * cell[f'recovered_gap_{end}']:.0f}" for end in ("low", "high"))
        below = f"[{low}, {high}]   {below}".replace("-", "\N{MINUS SIGN}")
    axes.text(middle, row + 0.74, below, ha="center", va="center", color=ink, fontsize=7.5)
