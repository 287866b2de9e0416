"""One look for all figures: a colour per technique, a line style and marker per initialisation or reference.

The colours are seaborn's "colorblind" palette; line styles, markers and their filling carry the same distinctions
without colour.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath

from peftport.storage.files import atomic_write
from peftport.storage.names import COPY

WIDTH_INCHES = 10.0
LEGEND_POINTS = 9
INK = "#222222"
ORDER = ("adapters", "lora", "prefix_tuning", "compacter", "prompt_tuning", "ia3", "tiny_attention")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*", "p", "8")  # in the order of the techniques
NAMES = {
    "adapters": "Adapters",
    "lora": "LoRA",
    "prefix_tuning": "Prefix Tuning",
    "compacter": "Compacters",
    "prompt_tuning": "Prompt Tuning",
    "ia3": "(IA)\N{SUPERSCRIPT THREE}",
    "tiny_attention": "Tiny Attention",
    "hybrid": "Two Techniques",
}


METRICS = {
    "accuracy_normalised": "normalised accuracy",
    "number_match": "right numbers",
    "token_f1": "token F1",
    "rouge_l": "ROUGE-L",
}


@dataclass(frozen=True)
class Look:
    """How an initialisation or a reference is drawn: dashes in points (empty: solid), marker, filled or not."""

    dashes: tuple[float, ...]
    marker: str
    filled: bool = False


LOOKS = {
    "ported": Look((), "o", True),
    "sampled": Look((5, 2), "s"),
    "scratch": Look((1.2, 1.6), "^"),
    "bare": Look((1, 3), "p"),
    "native": Look((9, 2, 1.5, 2), "*", True),
    "permuted": Look((6, 1.5, 1, 1.5), "D"),
    "norm_matched": Look((3, 1), "v"),
    "target_mean": Look((2, 1, 2, 4), "P"),
    "random_target": Look((8, 4), "X"),
    "matched": Look((5, 1, 1, 1), "d"),
    "ported_fresh_head": Look((10, 2), "8"),
    "sampled_fresh_head": Look((2, 3), "<"),
    "head_only": Look((4, 1, 1, 1), "H"),
    "ported_inner_part": Look((6, 2, 1, 2), "$I$", True),
    "ported_outer_part": Look((2, 1), "$O$", True),
    "distilled": Look((3, 1, 1, 1, 1, 1), "$D$", True),
    "wrong_layers": Look((3, 2, 1, 2), "x"),
    "shuffled_map": Look((7, 2, 1, 2), "+"),
    "random_basis": Look((1, 2, 4, 2), "|"),
    "ported_quarter": Look((1.5, 2.5), "3"),
    "ported_half": Look((4, 2), "4"),
    "ported_double": Look((8, 2), "_"),
}
FURTHER = (Look((4, 1, 1, 1, 1, 1), "1"), Look((2, 2), ">"), Look((7, 1, 3, 1), "h"), Look((1, 1), "2"))


def colours(techniques: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """The colour of each technique; known ones always have the same, others take what is left, by name."""
    palette = sns.color_palette("colorblind", 10)
    fixed = dict(zip(ORDER, palette, strict=False))
    present = [name for name in techniques if name in fixed]
    others = sorted(set(techniques) - set(fixed))
    rest = [*palette[len(ORDER) :], *(fixed[name] for name in ORDER if name not in present)]
    rest += sns.color_palette("husl", len(others))  # more techniques than the palette has colours
    return {name: fixed[name] for name in present} | dict(zip(others, rest, strict=False))


def markers(techniques: Sequence[str]) -> dict[str, str]:
    """A marker for each technique, as constant as its colour."""
    others = sorted(set(techniques) - set(ORDER))
    free = [mark for mark, name in zip(MARKERS, ORDER, strict=False) if name not in techniques]
    rest = [*MARKERS[len(ORDER) :], *free] or list(MARKERS)
    fixed = dict(zip(ORDER, MARKERS, strict=False))
    known = {name: fixed[name] for name in techniques if name in fixed}
    return known | {name: rest[index % len(rest)] for index, name in enumerate(others)}


def looks(starts: Sequence[str]) -> dict[str, Look]:
    """The look of each initialisation and reference; unknown ones take a further look, by name."""
    others = sorted(set(starts) - set(LOOKS))
    return {name: LOOKS[name] for name in starts if name in LOOKS} | {
        name: FURTHER[index % len(FURTHER)] for index, name in enumerate(others)
    }


def place(start: str) -> tuple[int, str]:
    """Where an initialisation or reference stands in a list: known ones in the order of ``LOOKS``, bare last."""
    known = list(LOOKS)
    return (known.index(start) if start in known and start != "bare" else len(known) + (start == "bare")), start


def metric_name(metric: str) -> str:
    """A score as figures and sentences call it."""
    return METRICS.get(metric, metric.replace("_", " "))


def score_name(frame: pd.DataFrame) -> str:
    """What the scores of a table are called: by their name where all are of one kind, else score."""
    metrics = list(dict.fromkeys(frame["metric"])) if "metric" in frame else ["accuracy"]
    return metric_name(metrics[0]) if len(metrics) == 1 else "score"


def title(technique: str) -> str:
    """The name of a technique as people write it."""
    return NAMES.get(technique, technique.replace("_", " "))


def label(name: str) -> str:
    """The name of an initialisation or reference for a legend."""
    return {"bare": "bare host", "native": "native modules"}.get(name, name.replace("_", " "))


def transfer(source: str, target: str, carried: str = COPY, lines: bool = False) -> str:
    """Source and target host with an arrow, on one line or two, and the map where modules are not copied."""
    by = "" if carried == COPY else f" ({carried})"
    return f"{source}{chr(10) if lines else ' '}\N{RIGHTWARDS ARROW} {target}{by}"


def datasets(learned: str, tested: str) -> str:
    """The dataset of the source module and the dataset on which it is tested."""
    return f"{learned} \N{RIGHTWARDS ARROW} {tested}"


def signed(value: float) -> str:
    """A difference in points, with a proper minus sign."""
    return f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """A share in percent, with a proper minus sign."""
    return f"{100 * share:.0f}%".replace("-", "\N{MINUS SIGN}")


def interval(low: float, high: float) -> str:
    """An interval of shares in percent, without its sign: ``[83, 119]``."""
    return f"[{percent(low)}, {percent(high)}]".replace("%", "")


def present(frame: pd.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    """The distinct rows of these columns, in the order in which they come."""
    return list(frame[columns].drop_duplicates().itertuples(index=False, name=None))


def techniques_of(frame: pd.DataFrame) -> list[str]:
    """The techniques of a table: known ones in their order, then the others by name."""
    names = set(frame["technique"])
    return [name for name in ORDER if name in names] + sorted(names - set(ORDER))


@contextmanager
def theme() -> Iterator[None]:
    """Fonts, grid and sizes of all figures, inside the block only."""
    settings = sns.axes_style("ticks") | sns.plotting_context("paper")
    settings |= {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": LEGEND_POINTS,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#888888",
        "axes.titlelocation": "left",
        "grid.color": "#e4e4e4",
        "grid.linewidth": 0.6,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "figure.dpi": 96,
    }
    with matplotlib.rc_context(settings):
        yield


def handle(name: str, look: Look, colour: Any = INK) -> Line2D:
    """A legend entry for an initialisation or a reference."""
    line = Line2D([], [], color=colour, label=label(name))
    dress(line, look, colour)
    return line


def dress(line: Line2D, look: Look, colour: Any) -> None:
    """Give a line the dashes, marker and filling of a look."""
    line.set_color(colour)
    line.set_linestyle((0, look.dashes) if look.dashes else "-")
    line.set_linewidth(1.8 if look.filled else 1.3)
    line.set_marker(look.marker)
    line.set_markersize(5)
    line.set_markerfacecolor(colour if look.filled else "white")
    line.set_markeredgecolor(colour)


def legend_columns(labels: Iterable[str], inches: float = WIDTH_INCHES) -> int:
    """How many entries of a legend stand side by side in a figure of this width."""
    widest = max(TextPath((0, 0), label, LEGEND_POINTS).get_extents().width for label in labels)
    return max(1, int(72 * inches / (widest + 6 * LEGEND_POINTS)))  # 6: the line, and the space around


def legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """One legend above all panels."""
    columns = legend_columns([str(handle.get_label()) for handle in handles], figure.get_figwidth())
    figure.legend(handles=handles, loc="outside upper left", ncols=columns, frameon=False, handlelength=3.2)


def note(text: str) -> Figure:
    """A small figure that says why there is nothing to draw."""
    with theme():
        figure = Figure(figsize=(WIDTH_INCHES, 1.0))
        figure.text(0.5, 0.5, text, ha="center", va="center", color="#555555")
    return figure


def budget_axis(axes: Axes, budgets: Sequence[int]) -> None:
    """A budget axis that shows 0 and spreads the rest by logarithm; labels that would touch are left out."""
    budgets = sorted(set(budgets))
    if len(budgets) == 1:
        axes.set_xticks(budgets)
        axes.set_xlim(budgets[0] - 1, budgets[0] + 1)
        return
    positive = [budget for budget in budgets if budget > 0]
    if len(positive) > 1 and positive[-1] / positive[0] > 3:
        axes.set_xscale("symlog", linthresh=positive[0], linscale=0.6)
    axes.set_xticks(budgets)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    places = axes.transScale.transform(np.column_stack([budgets, np.zeros(len(budgets))]))[:, 0]
    span = max(places[-1] - places[0], 1e-9)
    kept, last = [], np.inf
    for budget, place in zip(reversed(budgets), reversed(places), strict=True):
        if (last - place) / span > 0.17 or budget == budgets[-1]:
            kept.append(budget)
            last = place
    axes.set_xticks(sorted(kept))
    axes.margins(x=0.08)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as SVG; equal figures give equal bytes, and text becomes outlines, so no font is needed."""
    with matplotlib.rc_context({"svg.hashsalt": "peftport", "svg.fonttype": "path"}), atomic_write(path) as partial:
        figure.savefig(partial, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
