"""Every figure over studies of several shapes: nothing overlaps, nothing is cut off, bytes repeat."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from peftport.figures import learning_curves, paired_differences, portability_matrix, style, technique_properties
from tests.simulated import Design, described, statistics, study

FIGURES = (learning_curves, portability_matrix, paired_differences, technique_properties)
FOUR = ("adapters", "compacter", "lora", "prefix_tuning")
LARGE = (("t5-base", "flan-base"), ("flan-base", "t5-base"), ("t5-large", "flan-large"), ("flan-large", "t5-large"))
SEVEN = ("adapters", "lora", "prefix_tuning", "compacter", "prompt_tuning", "ia3", "of_my_own")
VARIANTS = ("adapters_attention", "adapters_feed_forward", "adapters_both", "lora_q_v", "lora_all", "lora_feed_forward")
FIVE = tuple(("host-number-0", f"host-number-{number}") for number in range(1, 6))
DESIGNS = {
    "default": Design(FOUR, budgets=(0, 25, 50, 100, 200), examples=40),
    "published": Design(FOUR, LARGE[::2], (("sst2", "sst2"), ("rotten_tomatoes", "sst2")), seeds=(0, 1), examples=40),
    "one": Design(("lora",), (("raw", "instruct"),), seeds=(0,), budgets=(0,), examples=40),
    "wide": Design(SEVEN, FIVE[:3], initialisations=("ported", "sampled", "permuted", "mine"), seeds=(0,), examples=40),
    "no references": Design(FOUR[:2], references=(), examples=40),
    "variants": Design(VARIANTS, FIVE[:2], references=("bare",), seeds=(0,), budgets=(0,), examples=40),
    "many budgets": Design(("lora",), budgets=(0, 10, 20, 30, 40, 50, 500, 1000), seeds=(0,), examples=40),
}
LARGEST = ("published", "wide", "variants")


class Tables(dict[str, dict[str, pd.DataFrame]]):
    """The tables of each design by its name, made when a test first asks for them."""

    def __missing__(self, name: str) -> dict[str, pd.DataFrame]:
        made = study(DESIGNS[name])
        self[name] = statistics(made)
        self[name]["techniques"] = described(made, self[name]["portability"])
        return self[name]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables()


def texts(figure: Figure) -> list[tuple[str, np.ndarray]]:
    """Every text that is seen, with its box in pixels: left, bottom, right, top."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    outside = set()  # labels of ticks beyond the limits of an axis are not drawn
    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            outside |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
            outside |= set() if axes.get_visible() else set(axis.get_ticklabels())
    seen = []
    for text in figure.findobj(Text):
        hidden = text.axes is not None and not text.axes.get_visible()
        if text.get_visible() and text.get_text().strip() and not hidden and text not in outside:
            seen.append((text.get_text(), text.get_window_extent(canvas.get_renderer()).extents))
    return seen


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LARGEST else name for name in DESIGNS]
)
@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.__name__.rsplit(".", 1)[1])
def test_no_text_overlaps_another_or_is_cut_off(module, name: str, tables: dict) -> None:
    figure = module.draw({need: tables[name][need] for need in module.NEEDS})
    width, height = figure.get_size_inches() * figure.dpi
    seen = texts(figure)
    assert len(seen) > 3
    boxes = np.array([box for _, box in seen])
    outside = (boxes[:, :2] < -1).any(1) | (boxes[:, 2:] > np.array([width, height]) + 1).any(1)
    assert [text for (text, _), cut in zip(seen, outside, strict=True) if cut] == [], "cut off"
    before = (boxes[:, None, 2:] <= boxes[None, :, :2] + 1).any(2)  # the first ends where the second begins
    overlaps = np.argwhere(np.triu(~(before | before.T), 1))
    assert [(seen[one][0], seen[other][0]) for one, other in overlaps] == []


@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.__name__.rsplit(".", 1)[1])
def test_equal_tables_give_equal_bytes_without_a_date(module, tables: dict, tmp_path: Path) -> None:
    for name in ("first", "second"):
        style.save(module.draw(tables["many budgets"]), tmp_path / f"{name}.svg")
    first, second = ((tmp_path / f"{name}.svg").read_bytes() for name in ("first", "second"))
    assert first == second
    assert b"<dc:date>" not in first and b"font-family" not in first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.svg", "second.svg"]


@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.__name__.rsplit(".", 1)[1])
def test_empty_tables_give_a_note(module, tables: dict) -> None:
    figure = module.draw({need: tables["one"][need].iloc[:0] for need in module.NEEDS})
    assert next(text for text, _ in texts(figure)).startswith("No ")


def test_looks_differ_without_colour() -> None:
    names = [*style.LOOKS, "mine", "yours", "theirs"]
    looks = style.looks(names)
    assert len({look.dashes for look in looks.values()}) == len(names)
    assert len({look.marker for look in looks.values()}) == len(names)


def test_colours_are_fixed_for_known_techniques_and_distinct() -> None:
    assert style.colours(["lora"])["lora"] == style.colours(list(SEVEN))["lora"]
    assert len(set(style.colours(list(SEVEN)).values())) == len(SEVEN)


def test_curves_have_the_style_of_their_initialisation(tables: dict) -> None:
    figure = learning_curves.draw(tables["default"])
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 5]
    assert {line.get_marker() for line in lines} == {"o", "s", "^"}
    assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in lines}) == 3
    assert {line.get_color() for line in lines} == {style.colours(["adapters"])["adapters"]}


def test_equal_techniques_are_not_blown_up(tables: dict) -> None:
    table = tables["default"]["techniques"].assign(recovered_gap=np.nan, ported_lift=0.0)
    figure = technique_properties.draw({"techniques": table})
    low, high = figure.axes[0].get_ylim()
    assert low <= -0.05 + 1e-9 and high >= 0.05 - 1e-9
    labels = [text for text, _ in texts(figure) if text.lstrip("\N{MINUS SIGN}-").isdigit()]
    assert "accuracy above the bare host, points, ported modules" in [text for text, _ in texts(figure)]
    assert len(labels) > 2


def test_withheld_cells_are_marked(tables: dict) -> None:
    table = tables["default"]["portability"].copy()
    table.loc[table["technique"] == "lora", "recovered_gap"] = np.nan
    seen = [text for text, _ in texts(portability_matrix.draw({"portability": table}))]
    assert seen.count("withheld") == 2
    assert sum(text.endswith("%") for text in seen) == 6
    assert sum(text.startswith("[") for text in seen) == 6


def test_matrix_without_references_shows_accuracies(tables: dict) -> None:
    seen = [text for text, _ in texts(portability_matrix.draw(tables["no references"]))]
    assert "Accuracy of ported modules, zero-shot" in seen


def test_filled_dots_are_those_that_stand_after_holm(tables: dict) -> None:
    table = tables["default"]["contrasts"].copy()
    table["p_value_holm"] = np.where(table["baseline"] == "sampled", 0.01, 0.5)
    for axes in paired_differences.draw({"contrasts": table}).axes:
        for dot in (line for line in axes.lines if line.get_linestyle() == "None"):
            assert (dot.get_markerfacecolor() == "white") == (dot.get_marker() != "s")
