"""Advice as a decision: the rule on differences that are known, and how often it errs on simulated moves."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from benchmarks import verdict
from peftport.statistics.advice import AGAIN, COPY, Way, advice, decide, differences_of
from peftport.statistics.example_scores import Answers
from peftport.statistics.intervals import estimate
from tests.simulated import MARGIN, Design, failing, study

SPREAD = 0.001


def moves(ported: dict[int, float], scratch: dict[int, float], seeds: int = 5, spread: float = SPREAD):
    """The decision on cells whose seeds lie ``spread`` apart and that differ in nothing but their means."""
    shifts = spread * (np.arange(seeds) - (seeds - 1) / 2)
    found = {}
    for start, curve in ((COPY, ported), (AGAIN, scratch)):
        for steps, mean in curve.items():
            rolled = np.roll(shifts if start == COPY else shifts[::-1], steps // 50)
            values = np.array([np.arange(2000) < round((mean + shift) * 2000) for shift in rolled])
            found[Way(start, steps)] = Answers(np.arange(seeds), values.astype(float))
    return decide(differences_of(found), {way: estimate(own.values) for way, own in found.items()}, MARGIN)


def test_the_cheapest_way_that_is_good_enough_is_advised() -> None:
    assert moves({0: 0.95, 50: 0.96}, {50: 0.96}).advised == Way(COPY, 0)
    assert moves({0: 0.80, 50: 0.955, 100: 0.96}, {50: 0.90, 100: 0.96}).advised == Way(COPY, 50)
    assert moves({0: 0.80, 50: 0.85, 100: 0.88}, {50: 0.90, 100: 0.95}).advised == Way(AGAIN, 100)


@pytest.mark.parametrize("lead, advised", [(0.015, Way(COPY, 0)), (0.028, Way(COPY, 50))])
def test_the_margin_decides(lead: float, advised: Way) -> None:
    """A copy that is behind by less than two points is good enough, and by more it is not."""
    assert moves({0: 0.95 - lead, 50: 0.95}, {50: 0.95}).advised == advised


def test_of_two_that_cost_the_same_the_copy_is_taken() -> None:
    assert moves({0: 0.5, 50: 0.95}, {50: 0.95}).advised == Way(COPY, 50)


def test_to_start_again_needs_evidence_against_the_copy() -> None:
    """The copy is behind by less than the margin, and by so much that it may be more: then nothing is advised."""
    found = moves({0: 0.5, 50: 0.935}, {50: 0.95}, spread=0.005)
    assert found.good_enough == [Way(AGAIN, 50)]
    assert Way(COPY, 50) not in found.ruled_out and found.advised is None
    assert moves({0: 0.5, 50: 0.90}, {50: 0.95}).advised == Way(AGAIN, 50)


def test_a_way_that_is_nearly_perfect_is_good_enough_beside_any_rival() -> None:
    """Scratch spreads so widely that nothing is shown against it, but no way can be better than 1."""
    wide = np.array([np.arange(2000) < round(mean * 2000) for mean in (0.5, 0.99, 0.99, 0.99, 0.99)], float)
    for level, advised in ((0.995, Way(COPY, 0)), (0.97, None)):
        own = np.array([np.arange(2000) < round((level + shift) * 2000) for shift in (-0.002, -0.001, 0, 0.001, 0.002)])
        ways = {Way(COPY, 0): Answers(np.arange(5), own.astype(float)), Way(AGAIN, 50): Answers(np.arange(5), wide)}
        scores = {way: estimate(answers.values) for way, answers in ways.items()}
        assert decide(differences_of(ways), scores, MARGIN).advised == advised


def test_a_chain_stops_at_the_first_way_that_is_not_ruled_out() -> None:
    found = moves({0: 0.95, 50: 0.60, 100: 0.95}, {50: 0.60, 100: 0.95})
    assert set(found.ruled_out) == {Way(AGAIN, 50)}


def test_where_nothing_can_be_told_it_is_said_what_would() -> None:
    found = moves({0: 0.90, 50: 0.93}, {50: 0.92}, seeds=3, spread=0.02)
    assert found.advised is None and not found.good_enough
    seeds, examples = found.needed
    assert seeds > 3 and examples == 2000
    assert moves({0: 0.90, 50: 0.93}, {50: 0.92}, seeds=1) == type(found)({}, [], None, None)


CURVE = {
    "ported": {0: 0.70, 25: 0.85, 100: 0.88},
    "scratch": {0: 0.50, 25: 0.90, 100: 0.95},
    "sampled": dict.fromkeys((0, 25, 100), 0.5),
}
NEGATIVE = Design(
    ("lora",), (("raw", "instruct"),), budgets=(0, 25, 100), seeds=tuple(range(10)), examples=1000, native=0.97,
    seed_deviation=0.01, accuracy=lambda technique, source, target, start, budget: CURVE[start][budget],
)  # fmt: skip


def table(made) -> pd.DataFrame:
    return advice(made.runs, made.predictions, MARGIN)


def test_the_table_says_what_was_decided_and_that_the_best_is_below_native() -> None:
    """The planted case that was told to "copy and train a little" in 160 of 160 tables."""
    found = table(study(NEGATIVE)).set_index(["way", "steps"])
    assert found.index[found["advised"]].tolist() == [(AGAIN, 100)]
    assert found.loc[COPY, "ruled_out"].all() and not found.loc[(AGAIN, 100), "ruled_out"]
    assert found.loc[(COPY, 0), ["better_way", "better_steps"]].tolist() == [AGAIN, 100]
    assert found.loc[(AGAIN, 100), "native_high"] < 0
    assert found.loc[(AGAIN, 100), "accuracy"] == pytest.approx(0.95, abs=0.02)


def test_without_scratch_or_without_ported_there_is_no_advice() -> None:
    for starts in (("ported", "sampled"), ("scratch",)):
        assert table(study(Design(("lora",), initialisations=starts, examples=40))).empty


def test_a_way_whose_runs_all_failed_is_no_way() -> None:
    found = table(failing(study(NEGATIVE), initialisation=["scratch"], budget_steps=[100]))
    assert set(found.query("way == 'start again'")["steps"]) == {25}


def said(case: str, spread: float, seeds: int, tables: int) -> Counter:
    return Counter(verdict.name_of(one) for one in verdict.decisions(case, spread, seeds, tables))


def test_negative_transfer() -> None:
    made = verdict.decisions("negative transfer", 0.01, 5, 40)
    told = Counter(verdict.name_of(one) for one in made)
    assert told["copy"] + told["copy and train"] <= 2
    assert sum(all(way in one.ruled_out for way in verdict.COPIES) for one in made) >= 34


def test_ported_equal_to_native() -> None:
    told = said("ported equals native", 0.01, 10, 30)
    assert told["copy"] >= 23 and told["start again"] <= 1


@pytest.mark.parametrize("case", ["no difference anywhere", "both at the ceiling"])
def test_where_there_is_no_difference_none_is_called_better(case: str) -> None:
    for seeds in (3, 5):
        made = verdict.decisions(case, 0.03, seeds, 30)
        assert sum(verdict.ruled_out_wrongly(case, one) for one in made) <= 2
        assert not any(one.advised and one.advised.start == AGAIN for one in made)


@pytest.mark.slow
@pytest.mark.parametrize("case", verdict.CURVES)
@pytest.mark.parametrize("spread", [0.01, 0.03])
def test_operating_characteristics(case: str, spread: float) -> None:
    """The bounds that docs/statistics.md states, with two standard errors of 100 tables."""
    for seeds in (3, 5) if spread == 0.01 else (3, 10):
        made = verdict.decisions(case, spread, seeds, 100)
        told = Counter(verdict.name_of(one) for one in made)
        assert sum(verdict.ruled_out_wrongly(case, one) for one in made) <= 9
        if case == "negative transfer":
            assert told["copy"] + told["copy and train"] <= 9
            if (seeds, spread) == (5, 0.01):
                assert sum(all(way in one.ruled_out for way in verdict.COPIES) for one in made) >= 90
        else:
            assert told["start again"] <= 9
        if (case, spread, seeds) == ("ported equals native", 0.01, 10):
            assert told["copy"] >= 80
