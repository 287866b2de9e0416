"""What a map's card says of shifts of norms that no LoRA can carry."""

import pytest

from peftport.adapters.host_files import read_host
from peftport.maps.make import make_map
from peftport.maps.offsets import offsets
from peftport.maps.pair import End, Pair
from peftport.storage.cards import read_card
from tests.ladder import rung
from tests.tiny import SIZES, build, card, write_host, write_known_host


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


def test_the_card_of_a_map_has_it(tmp_path):
    """Shifts go along with a stream that is found; where none is, the card says how far they are off."""
    step = rung("rotated", "gpt2")
    hosts = {"source": step.source, "target": step.target, "other": build("gpt2", SIZES["gpt2"], seed=1)}
    for end, host in hosts.items():
        write_known_host(host, end, tmp_path)
    said = {}
    for end in ("target", "other"):
        cards = {"source": tmp_path / "source.json", "target": tmp_path / f"{end}.json"}
        make_map({"method": "weight_match"}, cards, [], ("source", end, "wm"), tmp_path / f"map-{end}", {})
        said[end] = read_card(tmp_path / f"map-{end}/card.json")["facts"]["norm_shifts"]
    assert said["target"]["largest"] < 1e-4
    assert said["other"]["median"] > 0.5


@pytest.mark.parametrize("kind", ["t5", "bert"])
def test_hosts_without_shifts_in_front_say_nothing(kind, tmp_path):
    assert said("permuted", kind, tmp_path) == {}
