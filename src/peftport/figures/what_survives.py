"""What is left of a module's gain in the same host in other coordinates, beside what theory says of a plain copy."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from peftport.figures import cells, style

NEEDS = ["survival"]
CAPTION = (
    "The target hosts compute exactly what the source host computes, in other coordinates. The large number is the "
    "share of a module's gain over the bare host that is left there before any training: 100% is the module in its own "
    "host; below it stand its 95% interval and the score. Framed: theory says that a plain copy survives, because no "
    "tensor of the technique touches what was changed; in the other cells of a copy it says that nothing is left, or "
    "nothing of this technique (table `survival`). Hatched: withheld, because the module's gain in its own host "
    "is not shown to be 3 points, or the study has no reference `source`."
)
TITLE = "What is left of ported modules in the same host in other coordinates, zero-shot"
ROUTE = ["source_host", "target_host", "map"]
PAIR = ["source_dataset", "target_dataset"]
FRAME = "#d1495b"


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The figure, from table `survival`: rows are transfers, columns techniques, one panel per dataset pair."""
    frame = tables["survival"]
    if frame.empty:
        return style.note("No transfers between versions of a host to draw.")
    with style.theme():
        return _draw(frame)


def _draw(frame: pd.DataFrame) -> Figure:
    """Panels below each other; copies stand before maps."""
    frame = frame.assign(by_map=frame["map"] != style.COPY).sort_values("by_map", kind="stable")
    transfers, pairs = style.present(frame, [*ROUTE, "coordinates"]), style.present(frame, PAIR)
    techniques = style.techniques_of(frame)
    figure = Figure(
        figsize=(style.WIDTH_INCHES, len(pairs) * (0.62 * len(transfers) + 0.6) + 0.4), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    panels = figure.subplots(len(pairs), 1, squeeze=False)
    for axes, pair in zip(panels.flat, pairs, strict=True):
        _panel(axes, frame[(frame[PAIR] == list(pair)).all(axis=1)], transfers, techniques)
        if len(pairs) > 1:
            axes.set_title(f"datasets: {style.datasets(*pair)}", pad=6)
    figure.suptitle(TITLE, x=0.01, ha="left", fontweight="bold")
    return figure


def _panel(axes: Axes, frame: pd.DataFrame, transfers: list[tuple], techniques: list[str]) -> None:
    """One matrix with its numbers and frames."""
    indexed = frame.set_index([*ROUTE, "technique"])
    names = [f"{style.transfer(*route)}\n{what.replace(', ', chr(10))}" for *route, what in transfers]
    cells.matrix(axes, names, [style.title(technique) for technique in techniques])
    for row, (*route, _) in enumerate(transfers):
        for column, technique in enumerate(techniques):
            key, corner = (*route, technique), (column, row)
            if key not in indexed.index:
                cells.not_run(axes, corner)
                continue
            entry = indexed.loc[key]
            cells.cell(axes, corner, entry["survived"], style.percent(entry["survived"]), _below(entry))
            if pd.notna(entry["copy_survives"]) and entry["copy_survives"] and route[-1] == style.COPY:
                inside = (column + 0.035, row + 0.05)
                axes.add_patch(Rectangle(inside, 0.93, 0.9, fill=False, edgecolor=FRAME, linewidth=2, zorder=3))


def _below(entry: pd.Series) -> str:
    """Interval and score."""
    score = f"{entry['accuracy_mean']:.2f}"
    if pd.isna(entry["survived"]):
        return score
    return f"{style.interval(entry['low'], entry['high'])}  {score}"
