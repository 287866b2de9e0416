"""The bootstrap on matrices small enough to work out by hand."""

import numpy as np
import pytest

from peftport.seeds import generator
from peftport.statistics.intervals import Bootstrap
from peftport.statistics.spread import moderate


def one(values: np.ndarray, draws: int = 2_000, seed: int = 0):
    return Bootstrap(draws, seed).intervals([values])[0]


def test_one_seed_resamples_examples_only() -> None:
    """200 of 400 right: standard error sqrt(0.25/399) = 0.0250, t = 1.966."""
    values = np.tile([1.0, 0.0], 200)[None, :]
    interval = one(values, draws=20_000)
    assert interval.seeds == 1
    assert interval.effect == 0.5
    assert interval.high - 0.5 == pytest.approx(1.966 * 0.02503, rel=0.02)


def test_seeds_alone_give_the_t_interval() -> None:
    """Without any variation between examples the interval is that of a t-test on three seeds."""
    values = np.repeat([[0.1], [0.2], [0.3]], 50, axis=1)
    interval = one(values, draws=20_000)
    assert interval.effect == pytest.approx(0.2)
    assert interval.high - 0.2 == pytest.approx(4.3027 * 0.1 / np.sqrt(3), rel=0.03)


@pytest.mark.parametrize("value, p_value", [(0.0, 1.0), (1.0, 0.0)])
def test_no_variation_gives_no_width(value: float, p_value: float) -> None:
    interval = one(np.full((3, 40), value))
    assert (interval.low, interval.effect, interval.high, interval.p_value) == (value, value, value, p_value)


def test_same_seed_same_interval_and_another_seed_another() -> None:
    values = generator(0, "values").integers(0, 2, size=(3, 100)).astype(float)
    assert one(values, seed=0) == one(values, seed=0)
    assert one(values, seed=0) != one(values, seed=1)


def test_a_shift_moves_the_interval_and_keeps_its_width() -> None:
    values = generator(1, "values").integers(0, 2, size=(3, 100)) / 4
    first, second = one(values), one(values + 0.1)
    assert second.low - first.low == pytest.approx(0.1)
    assert second.high - first.high == pytest.approx(0.1)


@pytest.mark.parametrize("shape", [(3,), (0, 10), (3, 1)])
def test_a_matrix_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected a matrix \(seeds, examples\)"):
        one(np.zeros(shape))


def test_too_few_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="draws is 10"):
        Bootstrap(10)


def test_moderation_recovers_a_common_variance() -> None:
    """All comparisons have the true variance 4: the steadied estimates lie near it, with more degrees of freedom."""
    draw = generator(0, "moderation")
    freedom = np.full(200, 2)
    variances = 4 * draw.chisquare(2, 200) / 2
    steadied, total = moderate(variances, freedom)
    assert np.abs(steadied - 4).max() < 0.25 * np.abs(variances - 4).max()
    assert np.median(steadied) == pytest.approx(4, rel=0.25)
    assert (total > freedom).all()


def test_moderation_leaves_few_comparisons_and_zeros_alone() -> None:
    few = np.array([1.0, 2.0, 3.0])
    assert moderate(few, np.full(3, 2))[0].tolist() == few.tolist()
    steadied, total = moderate(np.array([0.0, 1, 2, 3, 4]), np.full(5, 2))
    assert steadied[0] == 0 and total[0] == 2
