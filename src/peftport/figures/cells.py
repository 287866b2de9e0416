"""Matrices of transfers and techniques: their axes, and cells with a colour, a number and what stands below it."""

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from peftport.figures import style

NOT_RUN = "not run"
WITHHELD = "withheld"


def matrix(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Give a matrix its limits and names; cell (column, row) has its upper left corner there."""
    axes.set_xlim(0, len(columns))
    axes.set_ylim(len(rows), 0)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def not_run(axes: Axes, corner: tuple[int, int]) -> None:
    """A cell of which nothing was run."""
    axes.text(corner[0] + 0.5, corner[1] + 0.5, NOT_RUN, ha="center", va="center", fontsize=8, color="#777777")


def cell(axes: Axes, corner: tuple[int, int], share: float, text: str, below: str | None = None) -> None:
    """A cell.

    Args:
        share: of the way from the lightest to the darkest colour, beyond 0 and 1 as these; NaN: hatched, and
            ``WITHHELD`` instead of the text.
        text: the large number.
        below: the small text under it; None puts the number in the middle.
    """
    column, row = corner
    withheld = bool(np.isnan(share))
    shade = "#f2f2f2" if withheld else sns.color_palette("crest", as_cmap=True)(float(np.clip(share, 0, 1)))
    axes.add_patch(Rectangle(corner, 1, 1, facecolor=shade, edgecolor="white", linewidth=2))
    ink = style.INK if withheld or np.dot(shade[:3], [0.3, 0.59, 0.11]) > 0.5 else "white"
    if withheld:
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, hatch="////", edgecolor="#d4d4d4", linewidth=0))
        text = WITHHELD
    place = {"ha": "center", "va": "center", "color": ink}
    size = {"fontsize": 8} if withheld and below is not None else {"fontsize": 10, "fontweight": "bold"}
    axes.text(column + 0.5, row + (0.5 if below is None else 0.32), text, **place, **size)
    if below is not None:
        axes.text(column + 0.5, row + 0.74, below, fontsize=7.5, **place)
