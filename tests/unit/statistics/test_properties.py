"""What a study can tell of properties: designs with a known answer, and p-values counted by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from peftport.statistics.properties import order_test, pairs, split_test, splits

VALUES = pd.DataFrame(
    {
        "form": ["a", "a", "b", "b"],
        "place": ["x", "x", "y", "y"],
        "kind": ["k", "k", "k", "k"],
        "own": ["1", "2", "3", "4"],
        "share": ["no", "yes", "no", "no"],
    },
    index=["one", "two", "three", "four"],
)


def test_properties_that_split_alike_stand_together():
    found = splits(VALUES)
    assert [split.properties for split in found] == [("form", "place"), ("kind",), ("own",), ("share",)]
    assert found[0].groups == {"a": ("one", "two"), "b": ("three", "four")}
    assert [split.is_constant for split in found] == [False, True, False, False]
    assert [split.names_each for split in found] == [False, False, True, False]


def scores(*values):
    return pd.Series(values, index=list(VALUES.index)[: len(values)], dtype=float)


def test_two_against_two_is_one_in_three():
    """Four techniques can be dealt into two pairs in three ways."""
    found = split_test(scores(0.9, 0.8, 0.2, 0.1), splits(VALUES)[0])
    assert found.p_value == pytest.approx(1 / 3)
    assert found.smallest == pytest.approx(1 / 3)
    assert found.effect == pytest.approx(0.7)
    assert split_test(scores(0.9, 0.1, 0.8, 0.2), splits(VALUES)[0]).p_value == pytest.approx(1.0)


def test_one_against_three_is_one_in_four():
    found = split_test(scores(0.1, 0.9, 0.2, 0.15), splits(VALUES)[3])
    assert found.p_value == pytest.approx(1 / 4) and found.smallest == pytest.approx(1 / 4)


@pytest.mark.slow
def test_the_split_test_keeps_its_level():
    """Scores that have nothing to do with the split: at most as many small p-values as promised."""
    draw = np.random.default_rng(0)
    values = pd.DataFrame({"form": list("aaabbb")}, index=list("uvwxyz"))
    (split,) = splits(values)
    found = [split_test(pd.Series(draw.normal(size=6), index=values.index), split).p_value for _ in range(300)]
    assert min(found) == pytest.approx(0.1)  # 2 of 20
    assert np.mean(np.array(found) <= 0.1 + 1e-9) == pytest.approx(0.1, abs=0.06)


def test_the_order_is_spearmans_with_its_exact_p_value():
    sizes = pd.Series([10, 300, 20, 4000], index=VALUES.index)
    found = order_test(scores(0.1, 0.4, 0.2, 0.3), sizes)
    assert found.effect == pytest.approx(stats.spearmanr([10, 300, 20, 4000], [0.1, 0.4, 0.2, 0.3]).statistic)
    assert found.smallest == pytest.approx(2 / 24)
    assert order_test(scores(1, 3, 2, 4), sizes).p_value == pytest.approx(2 / 24)
    assert order_test(scores(1, 1, 1, 1), sizes).effect == 0


def test_many_techniques_are_drawn_and_repeat():
    names = [f"t{number}" for number in range(9)]
    sizes, found = pd.Series(range(9), index=names), pd.Series(np.arange(9.0), index=names)
    first, second = (order_test(found, sizes).p_value for _ in range(2))
    assert first == second < 0.01


def ported(accuracies):
    rows = [
        {"technique": technique, "seed": seed, "score": value, "budget_steps": budget, "initialisation": start}
        for technique, values in accuracies.items()
        for seed, value in enumerate(values)
        for budget, start in ((0, "ported"), (50, "ported"), (0, "scratch"))
    ]
    move = {name: "one" for name in ("source_host", "target_host", "map", "source_dataset", "target_dataset")}
    runs = pd.DataFrame(rows).assign(**move)
    runs.loc[(runs["budget_steps"] > 0) | (runs["initialisation"] == "scratch"), "score"] = 0.0
    return runs


def test_pairs_that_differ_in_one_property_are_compared_seed_by_seed():
    values = VALUES.drop(columns="own")
    runs = ported({"one": [0.9, 0.8, 0.85], "two": [0.7, 0.62, 0.63], "three": [0.5] * 3, "four": [0.5] * 3})
    (pair,) = pairs(values, runs)
    assert (pair.first, pair.second, pair.property, pair.seeds) == ("one", "two", "share", 3)
    differences = np.array([0.2, 0.18, 0.22])
    interval = stats.t.interval(0.95, 2, differences.mean(), differences.std(ddof=1) / np.sqrt(3))
    assert (pair.difference, pair.low, pair.high) == pytest.approx((0.2, *interval))
    (alone,) = pairs(values, ported({name: [0.5] for name in values.index}))
    assert alone.low is None and alone.seeds == 1


def test_techniques_that_did_not_meet_are_no_pair():
    runs = ported({"one": [0.9], "two": [0.7]})
    runs.loc[runs["technique"] == "two", "target_host"] = "elsewhere"
    assert pairs(VALUES.drop(columns="own").loc[["one", "two"]], runs) == []
