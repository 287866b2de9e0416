"""Intervals of shares: published values, the edges, and how often they miss."""

from functools import cache

import numpy as np
import pytest

from peftport.statistics.proportions import difference_interval, share_interval


def test_a_share_by_hand():
    """Wilson's interval of 0 of n ends at z^2 / (n + z^2)."""
    low, high = share_interval(0, 100)
    assert low == 0 and high == pytest.approx(3.8415 / 103.8415, abs=1e-5)


def test_a_difference_as_published():
    """The score interval of Tango for 1 and 7 of 21, as in Fagerland et al. (2014, Statistics in Medicine 33)."""
    assert difference_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_where_nothing_differs_the_difference_is_not_known_to_be_none():
    low, high = difference_interval(0, 0, 100)
    assert (-low, high) == pytest.approx((3.8415 / 103.8415,) * 2, abs=1e-5)


def test_ends_stay_within_bounds_and_mirror():
    assert difference_interval(100, 0, 100)[1] == 1.0
    low, high = difference_interval(9, 2, 50)
    assert difference_interval(2, 9, 50) == pytest.approx((-high, -low)) and low < 7 / 50 < high


@pytest.mark.parametrize(("lost", "gained"), [(0.02, 0.02), (0.1, 0.05), (0.05, 0.01)])
def test_they_miss_in_about_5_percent(lost, gained):
    """On 400 simulated sets of 100 test examples; shares of so few examples are coarse, so 10 percent will do."""
    drawn = np.random.default_rng(0).multinomial(100, [lost, gained, 1 - lost - gained], size=400)
    difference, share = cache(difference_interval), cache(share_interval)
    ends = [(*difference(int(a), int(b), 100), *share(int(a), 100)) for a, b, _ in drawn]
    of_difference = np.mean([not low <= lost - gained <= high for low, high, *_ in ends])
    of_share = np.mean([not low <= lost <= high for *_, low, high in ends])
    assert of_difference <= 0.1 and of_share <= 0.1
