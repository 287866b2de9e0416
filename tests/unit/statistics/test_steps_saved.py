"""Steps saved: the crossing by hand, and how often steps are said to be saved where none are."""

import numpy as np
import pytest

from benchmarks import verdict
from peftport.statistics.example_scores import Answers
from peftport.statistics.steps_saved import steps_saved


def rows(mean: float, spread: float = 0.01, examples: int = 1000) -> Answers:
    means = (mean - spread, mean, mean + spread)
    return Answers(np.arange(3), np.array([np.arange(examples) < round(one * examples) for one in means], float))


def curve(**budgets: float) -> dict[int, Answers]:
    found = {int(step[1:]): rows(mean) for step, mean in budgets.items()}
    return {
        step: Answers(own.seeds, own.values[::-1]) for step, own in found.items()
    }  # seeds vary apart from each other


def test_the_crossing_is_between_two_budgets() -> None:
    """Scratch has .5, .7, .9 at 0, 50, 100 steps: .8 is at 75, and a module trained for 20 steps saved 55."""
    scratch = curve(b0=0.5, b50=0.7, b100=0.9)
    found = steps_saved(rows(0.8), 0, scratch)
    assert found.steps == pytest.approx(75) and 50 < found.low < 75 < found.high < 100
    assert steps_saved(rows(0.8), 20, scratch).steps == pytest.approx(55)


def test_ends_that_are_not_seen_are_nan() -> None:
    scratch = curve(b0=0.5, b50=0.7)
    ahead = steps_saved(rows(0.9), 0, scratch)
    assert np.isnan([ahead.steps, ahead.low, ahead.high]).all()
    near = steps_saved(rows(0.7), 0, scratch)
    assert near.steps == pytest.approx(50) and 0 < near.low < 50 and np.isnan(near.high)


def test_a_module_no_better_than_a_fresh_one_saved_none() -> None:
    found = steps_saved(rows(0.5), 0, curve(b0=0.5, b50=0.7))
    assert found.low == 0


def test_a_module_that_is_behind_saved_less_than_none() -> None:
    found = steps_saved(rows(0.6), 50, curve(b0=0.5, b50=0.8, b100=0.9))
    assert found.high < 0


def test_a_dip_in_the_curve_is_no_crossing_back() -> None:
    """Scratch at .5, .8, .76, .95: by isotonic regression .78 stands at both middle budgets."""
    found = steps_saved(rows(0.79), 0, curve(b0=0.5, b10=0.8, b20=0.76, b100=0.95))
    assert 20 < found.steps < 30


@pytest.mark.parametrize("spread", [0.01, 0.03])
def test_no_steps_are_said_to_be_saved_where_ported_is_scratch(spread: float) -> None:
    """75 steps were said to be saved in half of such tables when the first budget that reached the mean counted."""
    rising = {0: 0.50, 5: 0.58, 10: 0.66, 25: 0.82, 50: 0.91, 100: 0.95}
    for truth in (rising, dict.fromkeys(rising, 0.5)):
        assert verdict.saved_rates(0.5, truth, spread, 3, 120)[0] <= 0.065


def test_the_interval_holds_the_true_steps() -> None:
    rising = {0: 0.50, 5: 0.58, 10: 0.66, 25: 0.82, 50: 0.91, 100: 0.95}
    said, misses = verdict.saved_rates(0.82, rising, 0.02, 5, 120)
    assert said > 0.95 and misses <= 0.1
