"""Scores along each dial: ported modules with intervals, native modules and the bare host."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from peftport.figures import style

NEEDS = ["dials"]
CAPTION = (
    "Score of ported modules at the smallest budget along each dial of the study, with native modules and the bare "
    "host of the same points. Points are means over seeds and over the moves of a point; bands and bars are 95% "
    "intervals over seeds and test examples. Each point is one host or dataset: what another one with the same value "
    "would give is in no interval."
)
CURVES = ("bare", "native", "ported")  # the last is drawn on top
ACROSS = 4  # panels side by side
PANEL_INCHES = 2.1
HEAD_INCHES = 0.45


def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """The figure, from table `dials`: blocks of a dial and a map, one panel per technique."""
    frame = tables["dials"]
    if frame.empty:
        return style.note("No ported modules along a dial to draw.")
    frame = frame[(frame["baseline"] == "none") & (frame["budget_steps"] == frame["budget_steps"].min())]
    with style.theme():
        return _draw(frame)


def _draw(frame: pd.DataFrame) -> Figure:
    techniques, blocks = style.techniques_of(frame), style.present(frame, ["dial", "map"])
    groups = [techniques[start : start + ACROSS] for start in range(0, len(techniques), ACROSS)]
    across = len(groups[0])
    rows = [(block, group) for block in blocks for group in groups]
    height = (PANEL_INCHES + HEAD_INCHES) * len(rows) + HEAD_INCHES
    figure = Figure(figsize=(style.WIDTH_INCHES if across > 2 else 3.6 * across + 0.6, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.05)
    parts = np.atleast_1d(figure.subfigures(len(rows), 1, hspace=0.02))
    for part, ((dial, carried), group) in zip(parts, rows, strict=True):
        chosen = frame[(frame["dial"] == dial) & (frame["map"] == carried)]
        if len(blocks) > 1:
            by = "" if carried == style.COPY else f" ({carried})"
            part.suptitle(f"{dial}{by}", x=0.01, ha="left", fontweight="bold")
        panels = part.subplots(1, across, squeeze=False, sharex=True, sharey=True)[0]
        _block(panels, chosen, group, style.colours(techniques))
        part.supxlabel(chosen["label"].iloc[0], fontsize=9)
    looks = style.looks(CURVES)
    style.legend(figure, [style.handle(name, looks[name]) for name in reversed(CURVES) if _has(frame, name)])
    return figure


def _has(frame: pd.DataFrame, name: str) -> bool:
    return bool((frame["initialisation"] == name).any())


def _block(
    panels: np.ndarray, frame: pd.DataFrame, techniques: list[str], colours: dict[str, tuple[float, float, float]]
) -> None:
    """One panel per technique; panels that are too many are hidden."""
    metric = style.score_name(frame)
    low, high = frame["low"].min(), frame["high"].max()
    for index, axes in enumerate(panels):
        if index >= len(techniques):
            axes.set_visible(False)
            continue
        axes.grid(axis="y")
        own = frame[frame["technique"] == techniques[index]]
        for name in CURVES:
            _curve(axes, own[own["initialisation"] == name], name, colours[techniques[index]])
        axes.set_title(style.title(techniques[index]))
        axes.set_ylim(low - 0.03, high + 0.03)
        if index == 0:
            axes.set_ylabel(metric)
        ticks = frame.drop_duplicates("value").sort_values("value")
        _ticks(axes, ticks["place"].tolist(), ticks["value"].tolist())


def _curve(axes: Axes, curve: pd.DataFrame, name: str, colour: tuple[float, float, float]) -> None:
    """One curve with its interval: a band for ported, bars for what it is read against."""
    places, ink = curve["place"].to_numpy(), colour if name == "ported" else style.INK
    if name == "ported":
        axes.fill_between(places, curve["low"], curve["high"], color=ink, alpha=0.18, linewidth=0)
    else:
        axes.vlines(places, curve["low"], curve["high"], color=ink, linewidth=0.8, alpha=0.6)
    (line,) = axes.plot(places, curve["mean"], zorder=3)
    style.dress(line, style.looks([name])[name], ink)


def _ticks(axes: Axes, places: list[float], values: list[float]) -> None:
    """A tick at each value of the dial; labels that would touch the next are left out, the last stays."""
    span, kept, last = max(places[-1] - places[0], 1e-9), [], np.inf
    for place, value in zip(reversed(places), reversed(values), strict=True):
        if (last - place) / span > 0.14:
            kept.append((place, f"{value:,.10g}"))
            last = place
    axes.set_xticks([place for place, _ in reversed(kept)], [text for _, text in reversed(kept)])
    axes.set_xticks(places, minor=True)
    axes.margins(x=0.08)
