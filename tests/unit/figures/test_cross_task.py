"""The figure from task to task: what stands in its cells, what is marked without colour, and that nothing overlaps."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from peftport.figures import cross_task as figure
from peftport.figures import style
from tests.unit.figures.test_figures import texts
from tests.unit.statistics.test_cross_task import PAIRS, TASKS, at, made, table

FIVE = (*TASKS, "subjectivity", "contrast")
LARGE = tuple((source, target) for source in FIVE for target in FIVE)
UP, DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"


@pytest.fixture(scope="module")
def frame():
    return table(made(budgets=(0,), examples=1000))


def panels(drawn):
    return [axes for axes in drawn.axes if axes.get_visible()]


def test_a_cell_says_its_difference_and_what_is_shown_is_marked_beside_the_colour(frame):
    (axes,) = panels(figure.draw({"cross_task": frame}))
    said = {text.get_position(): text.get_text() for text in axes.texts}
    for row, source in enumerate(TASKS):
        for column, target in enumerate(TASKS):
            cell = at(frame, source, target, 0)
            number = said[column + 0.5, row + 0.27]
            mark = {"helps": f"{UP} ", "harms": f"{DOWN} "}.get(cell["outcome"], "")
            assert number == mark + style.signed(cell["difference"])
    assert {"helps", "harms"} <= set(frame["outcome"])
    patches = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    hatched = [patch.get_xy() for patch in patches if patch.get_hatch()]
    assert hatched == [(TASKS.index("negation"), TASKS.index("film"))]
    framed = [patch for patch in patches if not patch.get_fill() and not patch.get_hatch()]
    assert [(int(x), int(y)) for x, y in (patch.get_xy() for patch in framed)] == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize("pairs", [PAIRS[:4], PAIRS, LARGE], ids=len)
@pytest.mark.parametrize("techniques", [("lora",), ("lora", "adapters", "prefix_tuning")], ids=len)
def test_no_text_overlaps_another(pairs, techniques):
    drawn = figure.draw({"cross_task": table(made(pairs=pairs, techniques=techniques, examples=40, seeds=(0, 1)))})
    assert len(panels(drawn)) == len(techniques) * 2
    boxes = np.array([box for _, box in texts(drawn)])
    before = (boxes[:, None, 2:] <= boxes[None, :, :2] + 1).any(2)
    assert not np.triu(~(before | before.T), 1).any()
    width, height = drawn.get_size_inches() * drawn.dpi
    assert boxes.min() >= -1 and (boxes[:, 2:] <= np.array([width, height]) + 1).all()


def test_a_pair_that_was_not_run_says_so(frame):
    said = [text for text, _ in texts(figure.draw({"cross_task": frame.iloc[1:]}))]
    assert said.count("not run") == 1


def test_without_moves_a_note_stands_there(frame):
    assert len(texts(figure.draw({"cross_task": frame.head(0)}))) == 1
