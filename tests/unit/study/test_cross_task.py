"""A study that asks which modules of one task help another: what it needs, and that others have nothing of it."""

import pytest

from peftport.planning.graph import Graph
from peftport.stages.report_tables import figures, reported
from peftport.study.asked import HAS, asked, every
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG

PLAIN = [{"source": "film", "target": "film"}]


def study(cross_task=None, **grid):
    more = {} if cross_task is None else {"statistics": {"cross_task": cross_task}}
    return Study(read_settings(CONFIG | {"grid": CONFIG["grid"] | grid} | more))


def test_only_a_study_that_asks_has_the_table_the_figure_and_the_section():
    usual, asking = study(), study({})
    assert "cross_task" not in reported(usual) and "cross_task" not in figures(usual)
    assert "cross_task" in reported(asking) and "cross_task" in figures(asking)
    before, after = Graph(usual), Graph(asking)
    for rule, name in (("compute_statistics", "table"), ("draw_figure", "figure")):
        made = [{getattr(stage, name): graph.key(stage) for stage in graph.stages[rule]} for graph in (before, after)]
        assert {key for key in made[1] if made[0].get(key) != made[1][key]} == {"cross_task"}
    (stage,) = [stage for stage in after.stages["compute_statistics"] if stage.table == "cross_task"]
    assert stage.settings(asking)["settings"] == {"own": {}}


WRONG = {
    "nothing from scratch": ({}, {"initialisations": ["ported"]}, "expected `scratch` in `grid.initialisations`"),
    "nothing ported": ({}, {"initialisations": ["scratch"]}, "expected `ported` in `grid.initialisations`"),
    "one task": ({}, {"dataset_pairs": PLAIN}, "expected an entry in `grid.dataset_pairs` with another target"),
    "an unknown technique": ({"own": {"lroa": "lora"}}, {}, "cross_task.own.lroa`: no technique of the grid `lroa`"),
    "an unknown other": ({"own": {"lora": "ia3"}}, {}, "cross_task.own.lora`: no technique of the grid `ia3`"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_the_table_could_not_be_made_of_is_refused_before_any_job(wrong):
    given, grid, said = WRONG[wrong]
    with pytest.raises(ConfigError) as refusal:
        study(given, **grid)
    assert "config key `statistics.cross_task" in str(refusal.value) and said in str(refusal.value)


def test_what_some_studies_have_is_asked_by_name():
    where = {"dials": {"a": ["x"]}, "cross_task": {"b": ["y"], "c": []}}
    assert asked(study(), where) == {} and asked(study({}), where) == {"b": ["y"], "c": []}
    assert every(where) == {"a": ["x"], "b": ["y"], "c": []} and set(where) < set(HAS)
