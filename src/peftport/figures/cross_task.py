"""From task to task: what modules of each task are ahead of modules from scratch on each other task."""

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from peftport.figures import cells, style

NEEDS = ["cross_task"]
CAPTION = (
    "Modules of the task of a row as the start for the task of a column. The large number is their score less that of "
    "modules from scratch after the same steps, in points; below it stand its 95% interval over seeds and test "
    "examples, and their score. Blue is ahead of scratch, red behind. Framed: the task itself, the ceiling. A triangle "
    "that points up: shown to help; hatched, with a triangle that points down: shown to harm (negative transfer), both "
    "at 5% after Holm's correction over the moves from task to task of a panel."
)
ROUTE = ["source_host", "target_host", "map"]
MARKS = {"helps": "\N{BLACK UP-POINTING TRIANGLE} ", "harms": "\N{BLACK DOWN-POINTING TRIANGLE} "}
CELL_INCHES, HEAD_INCHES, NAMES_INCHES = (1.15, 0.66), 0.7, 1.1
LEAST = 0.05  # difference at which colours end, at the least


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The figure, from table `cross_task`: rows of panels are transfers and budgets, columns techniques."""
    frame = tables["cross_task"]
    if frame.empty:
        return style.note("No modules of one task on another to draw.")
    with style.theme():
        return _draw(frame)


def _draw(frame: pd.DataFrame) -> Figure:
    techniques, blocks = style.techniques_of(frame), style.present(frame, [*ROUTE, "budget_steps"])
    sources, targets = (list(dict.fromkeys(frame[f"{end}_dataset"])) for end in ("source", "target"))
    wide = len(targets) * CELL_INCHES[0] + NAMES_INCHES
    across = max(1, min(len(techniques), int(style.WIDTH_INCHES / wide)))
    groups = [techniques[start : start + across] for start in range(0, len(techniques), across)]
    rows = [(block, group) for block in blocks for group in groups]
    height = (len(sources) * CELL_INCHES[1] + HEAD_INCHES) * len(rows)
    figure = Figure(figsize=(max(wide * across, 4.5), height + 0.3), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    panels, most = figure.subplots(len(rows), across, squeeze=False), max(LEAST, frame["difference"].abs().max())
    for line, (block, group) in zip(panels, rows, strict=True):
        for axes, technique in zip(line, group, strict=False):
            chosen = frame[(frame[[*ROUTE, "budget_steps"]] == list(block)).all(axis=1)]
            _panel(axes, chosen[chosen["technique"] == technique], sources, targets, float(most))
            axes.set_title(f"{style.title(technique)}, {style.transfer(*block[:3])}, {_after(block[-1])}", pad=6)
        for axes in line[len(group) :]:
            axes.set_visible(False)
    figure.supylabel("modules of", fontsize=9)
    figure.supxlabel("tested on", fontsize=9)
    return figure


def _after(budget: int) -> str:
    return "zero-shot" if budget == 0 else f"{budget:,} steps"


def _panel(axes: Axes, frame: pd.DataFrame, sources: list[str], targets: list[str], most: float) -> None:
    """One matrix with its numbers."""
    cells.matrix(axes, sources, targets)
    indexed = frame.set_index(["source_dataset", "target_dataset"])
    for row, source in enumerate(sources):
        for column, target in enumerate(targets):
            if (source, target) in indexed.index:
                _cell(axes, (column, row), indexed.loc[source, target], most)
            else:
                cells.not_run(axes, (column, row))


def _cell(axes: Axes, corner: tuple[int, int], cell: pd.Series, most: float) -> None:
    """A cell: colour and number of the difference, what is shown of it, and where it is the task itself."""
    column, row = corner
    shade = sns.color_palette("vlag_r", as_cmap=True)(0.5 + 0.5 * float(cell["difference"]) / most)
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=shade, edgecolor="white", linewidth=2))
    if cell["outcome"] == "harms":
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor="#ffffff88", linewidth=0))
    if cell["outcome"] == "own_task":
        inside = (column + 0.04, row + 0.06)
        axes.add_patch(Rectangle(inside, 0.92, 0.88, fill=False, edgecolor=style.INK, linewidth=1.4))
    bright = 0.3 * shade[0] + 0.59 * shade[1] + 0.11 * shade[2]
    place = {"ha": "center", "va": "center", "color": style.INK if bright > 0.6 else "white"}
    number = f"{MARKS.get(cell['outcome'], '')}{style.signed(cell['difference'])}"
    axes.text(column + 0.5, row + 0.27, number, fontsize=10, fontweight="bold", **place)
    ends = f"[{style.signed(cell['low'])}, {style.signed(cell['high'])}]"
    axes.text(column + 0.5, row + 0.56, ends, fontsize=7.5, **place)
    axes.text(column + 0.5, row + 0.79, f"{cell['ported']:.2f}", fontsize=7.5, **place)
