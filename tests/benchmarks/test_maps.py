"""The benchmark of maps writes what it says, measures what it did, and leaves nothing behind."""

import numpy as np

from benchmarks.maps import GROWS_WITH, STEPS, Shape, measured, page, timed, whole, write_host
from peftport.adapters.host_files import read_host
from peftport.maps.pair import End
from peftport.maps.spaces import Place

SMALL = Shape(d_model=16, d_ff=24, heads=4, key_value_heads=2, d_kv=4, vocabulary=40, layers=5)


def test_hosts_are_whole_and_in_several_files(tmp_path):
    write_host(tmp_path / "host", SMALL, 0)
    assert len(list((tmp_path / "host").glob("*.safetensors"))) == 3
    end = End(SMALL.card("host"), read_host(tmp_path / "host"))
    weight = end.weight(Place("decoder", 4, "feed_forward"), "wi_0")
    assert weight.shape == (24, 16)
    assert 0.015 < weight.std() < 0.025
    assert abs(end.gain(Place("decoder", 0, "self")).mean() - 1) < 0.05
    assert np.linalg.matrix_rank(end.embedding()) == 16


def test_what_a_map_took_is_measured_and_the_hosts_are_gone(tmp_path):
    took = measured(SMALL, "weight_match", tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert took["memory"] > 20
    assert {f"step {name}" for name in ("writing", *(step for _, _, step in STEPS))} <= took.keys()
    assert 0 <= sum(spent for step, spent in took.items() if step.startswith("step ")) <= took["cpu"]
    text = page(SMALL, "weight_match", took, "command")
    assert "layers 5" in text
    assert "| assignment of units |" in text


def test_the_time_of_a_step_is_without_that_of_steps_in_it():
    steps = {}
    inner = timed(steps, "inner", lambda: sum(range(10**6)))
    timed(steps, "outer", inner)()
    assert steps["outer"] < 0.2 * steps["inner"]


def test_the_whole_is_computed_from_a_part():
    part = Shape(layers=2, vocabulary=Shape.vocabulary // 4)
    assert whole(part, "assignment of units", 3.0) == 3.0 * Shape.layers / 2
    assert whole(part, "products of shared tokens", 3.0) == 12.0
    assert whole(part, "isometries of the stream", 3.0) == 3.0
    assert GROWS_WITH.keys() <= {step for _, _, step in STEPS}
