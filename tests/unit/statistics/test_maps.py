"""The same pair of hosts by two maps: two transfers in every table, and what is shared is found under both."""

import pytest

from peftport.statistics.families import holm_within
from tests.simulated import Design, statistics, study

PAIR = ("raw", "wide")
MAPS = ("copy", "weight_match")


def accuracy(technique, source, target, start, budget):
    return {"ported": 0.7, "scratch": 0.6, "sampled": 0.5}[start]


@pytest.fixture(scope="module")
def tables():
    transfers = tuple((*PAIR, name) for name in MAPS)
    design = Design(techniques=("lora",), transfers=transfers, budgets=(0, 50), accuracy=accuracy)
    return statistics(study(design))


def test_two_maps_of_a_pair_are_two_transfers_in_every_table(tables):
    for name in ("portability", "contrasts", "carried", "advice"):
        counts = tables[name].groupby("map").size()
        assert dict(counts) == dict.fromkeys(MAPS, len(tables[name]) // 2), name
    portability = tables["portability"].set_index(["map", "initialisation", "budget_steps"])
    assert (
        portability.loc[("copy", "scratch", 0), "accuracy_mean"]
        == portability.loc[("weight_match", "scratch", 0), "accuracy_mean"]
    )
    assert (
        portability.loc[("copy", "ported", 0), "accuracy_mean"]
        != portability.loc[("weight_match", "ported", 0), "accuracy_mean"]
    )
    assert portability["native_accuracy"].notna().all() and portability["bare_accuracy"].notna().all()


def test_a_sentence_counts_maps_as_moves(tables):
    """Holm's correction is over both, so a sentence on one of them is not said twice as easily."""
    carried = tables["carried"]
    for _, rows in carried.groupby("budget_steps"):
        assert len(rows) == 2
        expected = holm_within(rows.reset_index(drop=True), ["study"])
        assert list(rows["p_value_holm"]) == pytest.approx(list(expected))


def test_two_ways_by_one_map_are_compared_and_by_two_maps_are_not():
    transfers = ((*PAIR, "copy"), ("wide", "raw", "weight_match"))
    apart = statistics(study(Design(techniques=("lora",), transfers=transfers, budgets=(0,), accuracy=accuracy)))
    assert apart["asymmetry"].empty
    transfers = ((*PAIR, "weight_match"), ("wide", "raw", "weight_match"))
    both = statistics(study(Design(techniques=("lora",), transfers=transfers, budgets=(0,), accuracy=accuracy)))
    assert set(both["asymmetry"]["map"]) == {"weight_match"}
