"""The benchmark of maps writes what it says, measures what it did, and leaves nothing behind."""

import numpy as np

from benchmarks.maps import Shape, measured, page, write_host
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
    assert {"step assignment of units", "step stream by shared tokens", "step writing"} <= took.keys()
    text = page(SMALL, "weight_match", took, "command")
    assert "layers 5" in text
    assert "| assignment of units |" in text
