"""Paired differences: ported less sampled, scratch, further controls and bare, with intervals."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from peftport.figures import style

NEEDS = ["contrasts"]
CAPTION = (
    "How much better the ported module is than each alternative, in points of the score (accuracy, where nothing else "
    "is said), zero-shot and at the largest budget. Right of the line, ported is better. Bars are 95% intervals over "
    "seeds and test examples. Filled: the difference stands after Holm's correction (5%) for the moves of the "
    "technique with the same alternative and budget; hollow: it may be chance."
)
LEFT_OUT = "native"  # not an alternative but the ceiling
MOVE = ["source_host", "target_host", "map", "source_dataset", "target_dataset"]
ROW_INCHES = 0.14


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The figure, from table `contrasts`: one group of rows per technique, one column per budget."""
    frame = tables["contrasts"]
    frame = frame[(frame["baseline"] != LEFT_OUT) & (frame["initialisation"] == "ported")]
    if frame.empty:
        return style.note("No paired differences to draw.")
    with style.theme():
        return _draw(frame)


def _draw(frame: pd.DataFrame) -> Figure:
    """Panels (techniques, budgets)."""
    techniques = style.techniques_of(frame)
    budgets = sorted({frame["budget_steps"].min(), frame["budget_steps"].max()})
    baselines = sorted(frame["baseline"].unique(), key=style.place)
    places = {technique: style.present(frame[frame["technique"] == technique], MOVE) for technique in techniques}
    heights = [0.5 + len(places[technique]) * (len(baselines) + 1) * ROW_INCHES for technique in techniques]
    width = style.WIDTH_INCHES if len(budgets) > 1 else 7.0
    figure = Figure(figsize=(width, sum(heights) + 0.8), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.05)
    panels = figure.subplots(len(techniques), len(budgets), squeeze=False, height_ratios=heights, sharex=True)
    colours = style.colours(techniques)
    for row, technique in enumerate(techniques):
        for column, budget in enumerate(budgets):
            chosen = frame[(frame["technique"] == technique) & (frame["budget_steps"] == budget)]
            axes = panels[row, column]
            _panel(axes, chosen, places[technique], baselines, colours[technique])
            after = "zero-shot" if budget == 0 else f"after {budget:,} steps"
            axes.set_title(f"{style.title(technique)}, {after}", fontweight="bold")
            axes.tick_params(labelbottom=True)
            if column == 0:
                axes.set_yticks(np.arange(len(places[technique])), _labels(places[technique], frame))
            else:
                axes.set_yticks(np.arange(len(places[technique])), [])
            if row == len(techniques) - 1:
                axes.set_xlabel(f"ported less the alternative, points of {style.score_name(frame)}")
    _legend(figure, baselines)
    return figure


def _labels(places: list[tuple], frame: pd.DataFrame) -> list[str]:
    """Transfers, with their dataset pair where the study has several."""
    several = len(style.present(frame, MOVE[3:])) > 1
    return [
        style.transfer(source, target, carried) + (f"\n{style.datasets(learned, tested)}" if several else "")
        for source, target, carried, learned, tested in places
    ]


def _panel(
    axes: Axes, frame: pd.DataFrame, places: list[tuple], baselines: list[str], colour: tuple[float, float, float]
) -> None:
    """A dot and a bar for each place and baseline."""
    looks = style.looks(baselines)
    step = 0.8 / max(len(baselines), 1)
    rows = {(*place, name): place_index for place_index, place in enumerate(places) for name in baselines}
    for row in frame.itertuples():
        key = (*(getattr(row, column) for column in MOVE), row.baseline)
        height = rows[key] + step * (baselines.index(row.baseline) - (len(baselines) - 1) / 2)
        axes.plot([100 * row.low, 100 * row.high], [height, height], color=colour, linewidth=1.4, zorder=2)
        (dot,) = axes.plot([100 * row.difference], [height], linestyle="none", zorder=3)
        dot.set(marker=looks[row.baseline].marker, markersize=5.5, markeredgecolor=colour, markeredgewidth=1.3)
        dot.set_markerfacecolor(colour if row.p_value_holm < 0.05 else "white")
    axes.axvline(0, color="#555555", linewidth=0.9, zorder=1)
    axes.grid(axis="x")
    axes.set_ylim(len(places) - 0.5, -0.5)
    for line in np.arange(len(places) - 1) + 0.5:
        axes.axhline(line, color="#eeeeee", linewidth=0.8, zorder=0)
    axes.tick_params(axis="y", length=0)


def _legend(figure: Figure, baselines: list[str]) -> None:
    """One legend above all panels."""
    looks = style.looks(baselines)
    handles = []
    for name in baselines:
        line = Line2D([], [], linestyle="-", color=style.INK, marker=looks[name].marker, markersize=5.5)
        line.set_markerfacecolor(style.INK)
        line.set_label(f"ported less {style.label(name)}")
        handles.append(line)
    hollow = Line2D([], [], linestyle="none", marker="o", color=style.INK, markerfacecolor="white", markersize=5.5)
    hollow.set_label("hollow: may be chance")
    style.legend(figure, [*handles, hollow])
