"""Error rates on simulated answers with unlike rows; the tables of ``docs/statistics.md`` are from the same functions.

Bounds are for shares: of 600 intervals, 5% has a standard error of 0.9%.
"""

import itertools

import numpy as np
import pytest

from benchmarks import verdict
from benchmarks.simulated_answers import answers_of
from peftport.seeds import generator
from peftport.statistics.intervals import estimate

TABLES = 600
BY_DEFAULT = [(3, 300), (5, 1000), (8, 300)]  # seeds and examples


@pytest.mark.parametrize("seeds, examples", BY_DEFAULT)
def test_an_interval_misses_in_about_5_percent_whatever_the_spread_between_seeds(seeds: int, examples: int) -> None:
    """In every fifth of the spreads, and not on average: from .02 to 1.5 on the scale of logits, accuracies mixed."""
    for rate in verdict.miss_rates((seeds, examples), "nothing", TABLES):
        assert 0.015 <= rate <= 0.075


@pytest.mark.slow
@pytest.mark.parametrize(
    "unlike, most, size",
    [
        (unlike, most, size)
        for unlike, most in (("nothing", 0.075), ("accuracy", 0.085), ("both", 0.12))
        for size in itertools.product(verdict.SEEDS, verdict.EXAMPLES)
        if (unlike, size in BY_DEFAULT) != ("nothing", True)
    ],
)
def test_the_whole_table_of_misses(unlike: str, most: float, size: tuple[int, int]) -> None:
    """Rows whose two sides differ in accuracy and spread miss more often: one side is skewed at its ceiling."""
    for rate in verdict.miss_rates(size, unlike, TABLES):
        assert 0.015 <= rate <= most


def test_a_spread_taken_from_other_rows_would_fail_these_bounds() -> None:
    """Why nothing is borrowed: with the mean variance of unlike rows in place of its own, a row of wide spread misses
    far too often, though the average over all rows is about right."""
    draw, rates = generator(0, "borrowed"), {}
    tables = 300
    found = {spread: [] for spread in (0.01, 0.1)}
    for _ in range(tables):
        for spread, estimates in found.items():
            difficulty = draw.standard_normal(300)
            left, right = (answers_of(0.7 + spread * draw.standard_normal(3), difficulty, draw, 0.6) for _ in range(2))
            estimates.append(estimate(left - right))
    typical = np.mean([one.by_seeds for estimates in found.values() for one in estimates])
    for spread, estimates in found.items():
        widths = [2.2 * np.sqrt(typical + one.by_examples) for one in estimates]
        rates[spread] = np.mean([abs(one.effect) > width for one, width in zip(estimates, widths, strict=True)])
    assert rates[0.01] < 0.015 and rates[0.1] > 0.075


def test_p_values_of_no_difference_are_about_uniform() -> None:
    draw, p_values = generator(0, "uniform"), []
    for _ in range(600):
        difficulty = draw.standard_normal(300)
        left, right = (answers_of(0.7 + 0.03 * draw.standard_normal(5), difficulty, draw) for _ in range(2))
        p_values.append(estimate(left - right).p_value)
    for share in (0.1, 0.25, 0.5, 0.75):
        assert abs((np.array(p_values) < share).mean() - share) < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_a_sentence_over_eight_moves_has_a_false_finding_in_at_most_5_percent_of_tables(seeds: int) -> None:
    draw = generator(1, "sentence", seeds)
    false = [verdict.carries(0.0, 8, (seeds, 300), draw).any() for _ in range(60)]
    assert np.mean(false) <= 0.1  # 5% plus two standard errors


@pytest.mark.slow
def test_a_sentence_finds_what_is_there() -> None:
    draw = generator(1, "power")
    assert np.mean([verdict.carries(0.3, 8, (8, 1000), draw) for _ in range(60)]) > 0.4
