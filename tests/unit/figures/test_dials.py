"""The figure of dials: its curves, what stands on its axes, and that nothing overlaps."""

import numpy as np
import pytest

from peftport.figures import dials as figure
from tests.simulated import study
from tests.unit.figures.test_figures import texts
from tests.unit.statistics.test_dials import DIAL, along, design

FIVE = ("adapters", "lora", "prefix_tuning", "compacter", "of_my_own")


@pytest.fixture(scope="module")
def table():
    return along(study(design(techniques=("adapters", "lora"), examples=60)))


def panels(drawn):
    return [axes for part in drawn.subfigs for axes in part.axes if axes.get_visible()]


def test_a_panel_has_the_three_curves_at_their_places(table):
    drawn = figure.draw({"dials": table})
    first = panels(drawn)[0]
    curves = {line.get_marker(): line for line in first.lines}
    own = table[(table["technique"] == "adapters") & (table["budget_steps"] == 0) & (table["baseline"] == "none")]
    for name, marker in (("ported", "o"), ("native", "*"), ("bare", "p")):
        rows = own[own["initialisation"] == name]
        assert np.array_equal(curves[marker].get_xdata(), rows["place"])
        assert np.array_equal(curves[marker].get_ydata(), rows["mean"])
    assert [label.get_text() for label in first.get_xticklabels()] == ["0", "10", "100", "1,000"]
    assert "steps" in [text for text, _ in texts(drawn)]


@pytest.mark.parametrize("names", [FIVE[:1], FIVE[:2], FIVE], ids=len)
def test_no_text_overlaps_another(names):
    made = study(design(techniques=names, examples=40, budgets=(0,), seeds=(0, 1)))
    drawn = figure.draw({"dials": along(made, DIAL | {"label": "steps of further training on instructions"})})
    assert len(panels(drawn)) == len(names)
    boxes = np.array([box for _, box in texts(drawn)])
    before = (boxes[:, None, 2:] <= boxes[None, :, :2] + 1).any(2)
    assert not np.triu(~(before | before.T), 1).any()
    width, height = drawn.get_size_inches() * drawn.dpi
    assert boxes.min() >= -1 and (boxes[:, 2:] <= np.array([width, height]) + 1).all()


def test_without_ported_modules_a_note_stands_there(table):
    assert len(texts(figure.draw({"dials": table.head(0)}))) == 1
