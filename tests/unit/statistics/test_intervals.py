"""The interval of one mean on matrices small enough to work out by hand, and the laws that it keeps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from peftport.seeds import generator
from peftport.statistics.intervals import Estimate, estimate


def test_one_seed_leaves_examples_only() -> None:
    """200 of 400 right: standard error sqrt(0.25/399), Student's t with 399 degrees of freedom."""
    found = estimate(np.tile([1.0, 0.0], 200)[None, :])
    assert (found.seeds, found.effect) == (1, 0.5)
    assert found.high - 0.5 == pytest.approx(stats.t.ppf(0.975, 399) * np.sqrt(0.25 / 399))


def test_seeds_alone_give_the_t_interval() -> None:
    """Without any variation between examples it is the interval of a t-test on three seeds."""
    found = estimate(np.repeat([[0.1], [0.2], [0.3]], 50, axis=1))
    expected = stats.t.interval(0.95, 2, 0.2, 0.1 / np.sqrt(3))
    assert (found.low, found.high) == pytest.approx(expected)
    assert found.p_value == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.3], 0).pvalue, rel=1e-4)


def test_both_sources_by_hand() -> None:
    """Row means .25, .75, 1: variance .1458/3. Column means 1, 1, 1/3, 1/3: .1481/4. Residual .1389: 1/12 of it off."""
    values = np.array([[1, 0, 0, 0], [1, 1, 0, 1], [1, 2, 1, 0]], dtype=float)
    rows, columns = values.mean(1), values.mean(0)
    residual = sum((values[s, e] - rows[s] - columns[e] + values.mean()) ** 2 for s in range(3) for e in range(4)) / 6
    found = estimate(values)
    assert found.by_seeds == pytest.approx(rows.var(ddof=1) / 3)
    assert found.by_examples == pytest.approx(max(0, columns.var(ddof=1) / 4 - residual / 12))


def test_the_t_quantile_is_weighted_by_the_shares_of_the_variance() -> None:
    found = Estimate(0.0, by_seeds=3.0, by_examples=1.0, seeds=3, examples=100)
    t = (3 * stats.t.ppf(0.975, 2) + stats.t.ppf(0.975, 99)) / 4
    assert found.high == pytest.approx(2 * t)


@pytest.mark.parametrize("value, p_value", [(0.0, 1.0), (1.0, 0.0)])
def test_no_variation_gives_no_width(value: float, p_value: float) -> None:
    found = estimate(np.full((3, 40), value))
    assert (found.low, found.effect, found.high, found.p_value) == (value, value, value, p_value)


def test_a_shift_moves_the_interval_and_keeps_its_width() -> None:
    values = generator(1, "values").integers(0, 2, size=(3, 100)) / 4
    first, second = estimate(values), estimate(values + 0.1)
    assert second.low - first.low == pytest.approx(0.1)
    assert second.high - first.high == pytest.approx(0.1)


@given(
    arrays.arrays(float, st.tuples(st.integers(2, 5), st.integers(2, 12)), elements=st.sampled_from([-1.0, 0.0, 1.0]))
)
def test_laws_of_an_estimate(values: np.ndarray) -> None:
    """Order of seeds and examples does not count; sign turns it over; p-value and one-sided tests agree with it."""
    found = estimate(values)
    for other in (estimate(values[::-1]), estimate(values[:, ::-1])):
        assert (other.low, other.high) == pytest.approx((found.low, found.high), abs=1e-9)
    turned = estimate(-values)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    if min(abs(found.low), abs(found.high)) > 1e-6 and found.high > found.low:
        assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)
        assert found.is_above(0, 0.025) == (found.low > 0) and found.is_below(0, 0.025) == (found.high < 0)
    assert found.half_width(0.01) >= found.half_width(0.05) >= found.half_width(0.2)


def test_more_seeds_narrow_the_share_of_the_seeds() -> None:
    found = Estimate(0.1, by_seeds=0.04, by_examples=0.01, seeds=3, examples=300)
    larger = found.with_size(12, 1200)
    assert (larger.by_seeds, larger.by_examples) == pytest.approx((0.01, 0.0025))
    assert larger.half_width() < found.half_width() / 2


@pytest.mark.parametrize("shape", [(3,), (0, 10), (3, 1)])
def test_a_matrix_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected a matrix \(seeds, examples\)"):
        estimate(np.zeros(shape))
