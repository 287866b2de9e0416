"""Dials of a config: what is refused, what they add to a study, and what their statistics are told."""

import pytest

from peftport.planning.graph import Graph
from peftport.study.config import ConfigError, read_settings
from peftport.study.dials import told_of_dials
from peftport.study.study import Study
from tests.unit.planning.test_graph import CONFIG

TARGETS = ["raw", "instruct"]
WAYS = [{"source": "raw", "target": "instruct"}, {"source": "instruct", "target": "raw"}]
BOTH = CONFIG | {"grid": CONFIG["grid"] | {"transfers": WAYS}}


def config(**dial):
    """A config whose transfers go both ways, with one dial."""
    return BOTH | {"dials": {"depth": {"hosts": TARGETS, "values": [0, 10], **dial}}}


WRONG = {
    "more values": ({"values": [0, 10, 20]}, "dials.depth.values`: expected one for each of the 2 hosts, got 3"),
    "falling": ({"values": [10, 0]}, "dials.depth.values`: expected rising numbers, got [10, 0]"),
    "equal": ({"values": [10, 10]}, "dials.depth.values`: expected rising numbers, got [10, 10]"),
    "below 0": ({"values": [-1, 1], "scale": "log"}, "dials.depth.values`: expected numbers from 0 on for `scale: log"),
    "no such host": ({"hosts": ["raw", "instrcut"]}, "hosts.1`: no host `instrcut`. Did you mean `instruct`?"),
    "not an end": (
        {"of": "both"},
        "hosts.0`: expected an entry in `grid.transfers` with `raw` as its source and target",
    ),
    "hosts and datasets": ({"datasets": ["film", "book"]}, "dials.depth`: expected only one of `hosts`, `datasets`"),
    "a key that is none": ({"vaules": [1]}, "Did you mean `values`?"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_dial_gets_one_message(tmp_path, name):
    dial, said = WRONG[name]
    with pytest.raises(ConfigError) as caught:
        read_settings(config(**dial), tmp_path)
    assert said in str(caught.value)


def test_a_dial_adds_its_table_and_figure_and_nothing_else(tmp_path):
    plain, dialled = (Graph(Study(read_settings(one, tmp_path), tmp_path)) for one in (BOTH, config()))
    for rule, stages in dialled.stages.items():
        more = [stage.names for stage in stages if stage not in plain.stages[rule]]
        assert more == {"compute_statistics": [{"table": "dials"}], "draw_figure": [{"figure": "dials"}]}.get(rule, [])
        for stage in plain.stages[rule]:
            if rule != "write_report":
                assert dialled.key(stage) == plain.key(stage), rule


def test_a_study_without_dials_says_nothing_of_them(tmp_path):
    assert "dials" not in read_settings(CONFIG, tmp_path).as_json()


def test_statistics_are_told_where_a_point_lies(tmp_path):
    dials = config(scale="log", label="steps", of="source")["dials"]
    dials["other"] = {"hosts": TARGETS, "values": [1, 100], "scale": "log"}
    told = told_of_dials(Study(read_settings(BOTH | {"dials": dials}, tmp_path), tmp_path))
    assert told["depth"]["columns"] == ["source_host"] and told["depth"]["label"] == "steps"
    assert told["depth"]["points"] == {"raw": 0, "instruct": 10}
    assert told["depth"]["places"] == pytest.approx([0, 1.041392685])  # log10 of 1 + value, for it begins at 0
    assert told["other"]["places"] == pytest.approx([0, 2]) and told["other"]["label"] == "other"
