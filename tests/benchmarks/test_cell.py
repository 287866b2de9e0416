"""One cell of a larger host both ways: the arithmetic, and that the config is one cell without a source module."""

import pytest

from benchmarks.cell import LONGER, SHORT, arithmetic, cell_config, page
from benchmarks.measured import Cost
from peftport.hosts.locate import bundled_folder
from peftport.study.settings import StudySettings
from peftport.study.study import Study


def test_the_cell_needs_no_source_module():
    study = Study(StudySettings.model_validate(cell_config(bundled_folder("reviews-raw"), "lora", [0, 25, 100])))
    assert (len(study.cells), study.sources, study.runs) == (1, [], 15)


def test_arithmetic():
    total, shown = arithmetic("wall, ours", [50.0, 90.0], [20, 60], 500)
    assert total == pytest.approx(50 + 480)
    assert "= 1.000 s a step" in shown


def test_the_rival_trains_every_budget_and_the_workflow_the_longest():
    """One second a step and nothing else: 5 seeds of 100 steps against 5 seeds of 125."""
    costs = [(Cost(5.0 * max(some), 1), Cost(5.0 * sum(some), 1)) for some in (SHORT, LONGER)]
    text = page("lora", [0, 25, 100], costs, "a machine", "512,6")
    assert "= 500 s." in text and "= 625 s." in text
    assert "Ratio of wall time with budgets [0, 25, 100]: 1.25" in text
