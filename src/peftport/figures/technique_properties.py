"""Portability against what a technique is: its number of parameters, its workspace, its sharing of parameters."""

from collections.abc import Sequence
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter

from peftport.figures import style

NEEDS = ["techniques"]
CAPTION = (
    "How portable each technique is, against three of its structural properties, before any training in the target "
    "host (or at the smallest budget). Large: mean over target hosts; small: each target host. A recovered gap of 0% "
    "is the bare host, 100% the host's own (native) modules. Workspace: the parts of the host that the module is "
    "inserted in. Sharing: whether tensors of the module are used at several insertions. Techniques differ in many "
    "properties at once; what the study can say about any one of them stands under Structure and portability."
)
MEASURES = {
    "recovered_gap": "recovered gap",
    "ported_lift": "accuracy above the bare host",
    "ported_accuracy": "accuracy",
}
SHARING = {"none": "no tensor\nshared", "some": "some\nshared", "all": "all\nshared"}
MOST_TICKS = 4
LEAST = 0.1  # height of the panels, as a share: differences smaller than the ticks are not blown up


def measure(table: pd.DataFrame) -> str | None:
    """The first measure of portability that every technique has; else the first that any has; None without one."""
    counts = {name: table.groupby("technique")[name].count() for name in MEASURES}
    full = [name for name, numbers in counts.items() if len(numbers) and (numbers > 0).all()]
    return next(iter([*full, *(name for name, numbers in counts.items() if numbers.any())]), None)


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The figure, from table `techniques`: three panels that share their vertical axis."""
    table = tables["techniques"]
    name = measure(table)
    if name is None:
        return style.note("No ported modules to draw.")
    with style.theme():
        return _draw(table.dropna(subset=[name]), name)


def _draw(table: pd.DataFrame, name: str) -> Figure:
    techniques = style.techniques_of(table)
    rows = ceil(len(techniques) / style.legend_columns(style.title(technique) for technique in techniques))
    figure = Figure(figsize=(style.WIDTH_INCHES, 3.4 + 0.2 * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    first, second, third = figure.subplots(1, 3, sharey=True)
    looks = (style.colours(techniques), style.markers(techniques))
    _against_parameters(first, table, name, looks)
    _against_classes(second, table, name, looks, "workspace")
    _against_classes(third, table, name, looks, "parameter_sharing")
    first.set_ylabel(f"{MEASURES[name]}{', points' if name == 'ported_lift' else ''}, ported modules")
    if name != "ported_accuracy":
        first.yaxis.set_major_formatter(PercentFormatter(1.0, 0, "%" if name == "recovered_gap" else ""))
    for axes in (first, second, third):
        axes.grid(axis="y")
        for level in {"recovered_gap": (0, 1), "ported_lift": (0,)}.get(name, ()):
            axes.axhline(level, color="#999999", linewidth=0.9, zorder=1)
        axes.margins(y=0.08)
    low, high = first.get_ylim()
    first.set_ylim(min(low, (low + high - LEAST) / 2), max(high, (low + high + LEAST) / 2))
    style.legend(figure, [_handle(technique, *looks) for technique in techniques])
    return figure


def _against_parameters(axes: Axes, table: pd.DataFrame, name: str, looks: tuple[dict, dict]) -> None:
    for technique, rows in table.groupby("technique", sort=False):
        places = rows["parameters"].to_numpy(dtype=float)
        _points(axes, places, rows[name].to_numpy(), [look[technique] for look in looks])
    low, high = table["parameters"].min(), table["parameters"].max()
    axes.set_xscale("log")
    axes.set_xlim(low / 1.6, high * 1.6)
    axes.set_xticks(ticks(low, high))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title("Parameters", fontweight="bold")
    axes.set_xlabel("trainable parameters of the module")


def _against_classes(axes: Axes, table: pd.DataFrame, name: str, looks: tuple[dict, dict], column: str) -> None:
    """Techniques side by side within each value of a property."""
    there = sorted(table[column].dropna().unique(), key=_by_length)
    known = list(SHARING) if column == "parameter_sharing" else there
    classes = [value for value in known if (table[column] == value).any()]
    for place, value in enumerate(classes):
        inside = table[table[column] == value]
        names = style.techniques_of(inside)
        for order, technique in enumerate(names):
            rows = inside[inside["technique"] == technique]
            offset = 0.7 * ((order + 0.5) / len(names) - 0.5)
            places = np.full(len(rows), place + offset)
            _points(axes, places, rows[name].to_numpy(), [look[technique] for look in looks])
    labels = [SHARING.get(value, value) if column == "parameter_sharing" else broken(value) for value in classes]
    axes.set_xticks(range(len(classes)), labels)
    axes.set_xlim(-0.5, max(len(classes), 1) - 0.5)
    for line in np.arange(len(classes) - 1) + 0.5:
        axes.axvline(line, color="#e4e4e4", linewidth=0.8, zorder=0)
    axes.tick_params(axis="x", length=0)
    axes.set_title({"workspace": "Workspace"}.get(column, "Parameter sharing"), fontweight="bold")


def _points(axes: Axes, places: np.ndarray, values: np.ndarray, look: list) -> None:
    """A technique: small points for target hosts with a line through them, a large one for their mean."""
    colour, marker = look
    middle = float(np.exp(np.log(places).mean())) if (places > 0).all() and np.ptp(places) else places.mean()
    if len(values) > 1:
        axes.plot(places, values, color=colour, linewidth=1.0, zorder=2)
        axes.plot(places, values, marker=marker, markersize=4.5, color=colour, linestyle="", zorder=2)
    axes.plot([middle], [values.mean()], marker=marker, markersize=10, color=colour, markeredgecolor="white", zorder=3)


def _by_length(value: str) -> tuple[int, str]:
    return len(value), value


def broken(value: str) -> str:
    """The parts of a workspace, each on a line of its own."""
    return value.replace(" + ", " +\n")


def ticks(low: float, high: float) -> Sequence[float]:
    """Round numbers for a logarithmic axis from ``low`` to ``high``: few, and at least one."""
    powers = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10))):
        values = [
            step * 10.0**power for power in powers for step in steps if low / 1.6 <= step * 10.0**power <= high * 1.6
        ]
        if len(values) >= 2:
            return values[:: -(-len(values) // MOST_TICKS)]
    return [low]


def _handle(technique: str, colours: dict, markers: dict) -> Line2D:
    line = Line2D([], [], linestyle="none", marker=markers[technique], color=colours[technique], markersize=7)
    line.set_label(style.title(technique))
    return line
