"""Learning curves: score against budget, one panel per technique and transfer."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from peftport.figures import style

NEEDS = ["portability"]
CAPTION = (
    "Score on the test set (accuracy, where nothing else is said) against the number of training steps taken in the "
    "target host, for each technique and transfer. Points are means over seeds; bands are 95% intervals over seeds and "
    "test examples. The two levels are the references: the bare host without any module, and native modules, which "
    "were trained in the target host with the full recipe. The budget axis is logarithmic beyond its first step count. "
    "Further controls, if there are any, stand in the figure of paired differences."
)
STARTS = ("ported", "sampled", "matched", "scratch", "ported_fresh_head", "head_only")
STARTS += ("ported_quarter", "ported_half", "ported_double")
TRANSFER = ["source_host", "target_host", "map"]
ACROSS = 4  # panels side by side
PANEL_INCHES = 1.75
HEAD_INCHES = 0.62


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The figure, from table `portability`."""
    frame = tables["portability"]
    frame = frame[frame["initialisation"].isin(STARTS)]
    if frame.empty:
        return style.note("No runs to draw.")
    with style.theme():
        return _draw(frame)


def _draw(frame: pd.DataFrame) -> Figure:
    """One block of panels per dataset pair and handful of transfers; rows are techniques, columns transfers."""
    transfers = style.present(frame, TRANSFER)
    pairs = style.present(frame, ["source_dataset", "target_dataset"])
    techniques = style.techniques_of(frame)
    groups = [transfers[start : start + ACROSS] for start in range(0, len(transfers), ACROSS)]
    blocks = [(pair, group) for pair in pairs for group in groups]
    across = max(map(len, groups))
    rows = len(techniques) * len(blocks)
    figure = Figure(
        figsize=(style.WIDTH_INCHES if across > 1 else 5.5, PANEL_INCHES * rows + HEAD_INCHES * (len(blocks) + 1)),
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.05)
    parts = np.atleast_1d(figure.subfigures(len(blocks), 1, hspace=0.02))
    limits = _limits(frame)
    for part, (pair, group) in zip(parts, blocks, strict=True):
        if len(pairs) > 1:
            part.suptitle(f"datasets: {style.datasets(*pair)}", x=0.01, ha="left", fontweight="bold")
        panels = part.subplots(len(techniques), across, squeeze=False, sharex=True, sharey=True)
        chosen = frame[(frame["source_dataset"] == pair[0]) & (frame["target_dataset"] == pair[1])]
        _block(panels, chosen, techniques, group, limits)
    _legend(figure, frame)
    return figure


def _block(
    panels: np.ndarray, frame: pd.DataFrame, techniques: list[str], transfers: list[tuple], limits: tuple[float, float]
) -> None:
    """Fill panels (techniques, transfers)."""
    colours = style.colours(techniques)
    for row, technique in enumerate(techniques):
        for column, axes in enumerate(panels[row]):
            if column >= len(transfers):
                axes.set_visible(False)
                continue
            here = (frame[TRANSFER] == list(transfers[column])).all(axis=1)
            cell = frame[(frame["technique"] == technique) & here]
            _panel(axes, cell, colours[technique], frame["budget_steps"].tolist())
            axes.set_ylim(*limits)
            if row == 0:
                title = style.transfer(*transfers[column])
                axes.set_title(style.transfer(*transfers[column], lines=len(title) > 27))
            if column == 0:
                axes.set_ylabel(f"{style.title(technique)}\n{style.score_name(frame)}")
            if row == len(techniques) - 1:
                axes.set_xlabel("training steps in the target host")


def _panel(axes: Axes, cell: pd.DataFrame, colour: tuple[float, float, float], budgets: list[int]) -> None:
    """Curves of one technique and transfer."""
    axes.grid(axis="y")
    looks = style.looks([*cell["initialisation"].unique(), "bare", "native"])
    for name in ("bare", "native"):
        levels = cell[f"{name}_accuracy"].dropna().unique()
        if len(levels):
            axes.axhline(levels[0], color=style.INK, linewidth=1.1, linestyle=(0, looks[name].dashes), zorder=1.5)
    for start in sorted(cell["initialisation"].unique(), key=_order):
        curve = cell[cell["initialisation"] == start].sort_values("budget_steps")
        steps = curve["budget_steps"].to_numpy(dtype=float)
        if len(set(budgets)) == 1:  # no curve: bars beside each other
            steps = steps + 0.2 * (STARTS.index(start) - 1.5)
            axes.vlines(steps, curve["accuracy_low"], curve["accuracy_high"], color=colour, linewidth=1.4)
        axes.fill_between(steps, curve["accuracy_low"], curve["accuracy_high"], color=colour, alpha=0.13, linewidth=0)
        (line,) = axes.plot(steps, curve["accuracy_mean"], clip_on=False, zorder=3)
        style.dress(line, looks[start], colour)
    style.budget_axis(axes, budgets)


def _order(start: str) -> tuple[bool, str]:
    """Ported last, so that it is drawn on top."""
    return start == "ported", start


def _limits(frame: pd.DataFrame) -> tuple[float, float]:
    """Scores that all panels show, with a little room."""
    columns = ["accuracy_low", "accuracy_high", "bare_accuracy", "native_accuracy"]
    values = frame[columns].to_numpy(dtype=float)
    return max(-0.02, np.nanmin(values) - 0.03), min(1.02, np.nanmax(values) + 0.03)


def _legend(figure: Figure, frame: pd.DataFrame) -> None:
    """One legend above all panels; colour tells techniques apart, style the initialisations."""
    starts = [name for name in STARTS if (frame["initialisation"] == name).any()]
    references = [name for name in ("bare", "native") if frame[f"{name}_accuracy"].notna().any()]
    looks = style.looks([*starts, *references])
    handles = [style.handle(name, looks[name]) for name in [*starts, *references]]
    for line in handles[len(starts) :]:
        line.set_marker("")
    style.legend(figure, handles)
