"""What a map's card says of shifts of norms that no LoRA can carry."""

import pytest

from peftport.adapters.host_files import read_host
from peftport.maps.offsets import offsets
from peftport.maps.pair import End, Pair
from tests.ladder import rung
from tests.tiny import card, write_host


def said(name, kind, folder):
    step = rung(name, kind)
    ends = [
        End(card(host, end), read_host(write_host(host, folder / end)))
        for end, host in (("source", step.source), ("target", step.target))
    ]
    return offsets(Pair(*ends, shared_tokens=lambda: None), step.truth)


@pytest.mark.parametrize("name", ["rotated", "deeper"])
def test_nothing_is_left_where_the_shifts_go_along(name, tmp_path):
    assert said(name, "gpt2", tmp_path)["norm_shifts"]["largest"] < 1e-5


def test_a_shift_that_went_into_the_biases_is_missing(tmp_path):
    assert said("folded_biases", "gpt2", tmp_path)["norm_shifts"] == {"median": 1.0, "largest": 1.0}


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_hosts_without_shifts_in_front_say_nothing(kind, tmp_path):
    assert said("permuted", kind, tmp_path) == {}
