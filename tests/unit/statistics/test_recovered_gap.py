"""The recovered gap: by hand, its gate, and how often its interval misses."""

import numpy as np
import pytest

from benchmarks import verdict
from peftport.statistics.example_scores import Answers
from peftport.statistics.recovered_gap import SMALLEST_GAP, recovered_gap


def rows(*means: float, examples: int = 1000) -> Answers:
    """Seeds with these shares of right answers, at the same examples in every seed."""
    return Answers(np.arange(len(means)), np.array([np.arange(examples) < mean * examples for mean in means], float))


def test_by_hand_where_examples_are_alike() -> None:
    """Bare .5, native .9, ported .8: three quarters; a mean of three seeds that differ has an interval around it."""
    found = recovered_gap(rows(0.79, 0.8, 0.81), rows(0.5), rows(0.9, 0.9, 0.9))
    assert found.share == pytest.approx(0.75)
    assert found.low < 0.75 < found.high and found.gap.effect == pytest.approx(0.4)


def test_the_ends_are_where_the_test_turns() -> None:
    """Fieller: at an end of the interval, lift - share x gap is just told from zero."""
    from peftport.statistics.intervals import estimate

    own, bare, native = rows(0.7, 0.8, 0.75), rows(0.5), rows(0.9, 0.93, 0.88)
    found = recovered_gap(own, bare, native)
    for end in (found.low, found.high):
        one = estimate(own.values - bare.values - end * (native.values - bare.values))
        assert abs(one.effect) == pytest.approx(one.half_width(), rel=1e-3)


@pytest.mark.parametrize("native, passes", [((0.55, 0.55, 0.55), True), ((0.5, 0.55, 0.6), False), ((0.5,) * 3, False)])
def test_the_gate_asks_for_the_lower_end_of_the_gap(native: tuple, passes: bool) -> None:
    found = recovered_gap(rows(0.5, 0.52, 0.51), rows(0.5), rows(*native))
    assert (found.gap.low >= SMALLEST_GAP) == passes
    assert np.isfinite(found.share) == passes and np.isfinite(found.low) == passes


def test_without_a_seed_in_common_there_is_none() -> None:
    native = Answers(np.array([7]), rows(0.9).values)
    assert recovered_gap(rows(0.8), rows(0.5), native) is None


@pytest.mark.parametrize("seeds, spread", [(3, 0.01), (5, 0.03)])
def test_the_interval_misses_in_about_5_percent(seeds: int, spread: float) -> None:
    passed, misses = verdict.gap_rates(0.9, 0.95, spread, seeds, 150)
    assert passed == 1.0 and misses <= 0.105


def test_a_gap_of_zero_seldom_passes_the_gate() -> None:
    """It passed in 3 to 11% where the mean was looked at and not the interval."""
    for spread in (0.01, 0.05):
        assert verdict.gap_rates(0.0, 0.55, spread, 3, 150)[0] <= 0.04
