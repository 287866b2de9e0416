"""The portability matrix: what each technique carries over each transfer without any training there."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from peftport.figures import cells, style

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
        shown = frame.assign(value=values)
        shown = shown[(shown[PAIR[0]] == pair[0]) & (shown[PAIR[1]] == pair[1])]
        _panel(axes, shown, transfers, techniques, name)
        if len(pairs) > 1:
            score = f" ({style.score_name(shown)})" if frame["metric"].nunique() > 1 else ""
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


def _panel(axes: Axes, frame: pd.DataFrame, transfers: list[tuple], techniques: list[str], name: str) -> None:
    """One heat map with its numbers."""
    top = 1.0 if name != ABOVE_BARE else max(0.1, float(frame["value"].max()))
    indexed = frame.set_index([*ROUTE, "technique"])
    rows, columns = ([style.transfer(*route) for route in transfers], [style.title(named) for named in techniques])
    cells.matrix(axes, rows, columns)
    for row, route in enumerate(transfers):
        for column, technique in enumerate(techniques):
            key, corner = (*route, technique), (column, row)
            if key in indexed.index:
                _cell(axes, corner, indexed.loc[key], name, top)
            else:
                cells.not_run(axes, corner)


def _cell(axes: Axes, corner: tuple[int, int], cell: pd.Series, name: str, top: float) -> None:
    """One cell: colour, number, score; hatched where the number is withheld."""
    value = cell["value"]
    if name not in ("recovered gap", ABOVE_BARE):
        cells.cell(axes, corner, value / top, f"{value:.2f}")
        return
    text = style.percent(value) if name == "recovered gap" else style.signed(value)
    below = f"{cell['accuracy_mean']:.2f}"
    if name == "recovered gap" and not pd.isna(value):
        below = f"{style.interval(cell['recovered_gap_low'], cell['recovered_gap_high'])}   {below}"
    cells.cell(axes, corner, value / top, text, below)
