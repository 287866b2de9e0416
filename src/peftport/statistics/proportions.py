"""Intervals of shares of test examples: of one share, and of the difference of two on the same examples.

Both are score intervals. They hold their level for shares near 0 and few examples, where an interval of mean plus or
minus so many standard errors shrinks to nothing: where no answer of 100 differs, the difference is not known to be 0.
"""

from collections.abc import Callable

import numpy as np
from scipy import optimize, special, stats

from peftport.statistics.intervals import LEVEL

EDGE = 1e-12  # how near to the estimate its other solution is not looked for


def share_interval(count: int, total: int) -> tuple[float, float]:
    """The 95% interval of a share, by Wilson (1927, Journal of the American Statistical Association 22).

    Args:
        count: of ``total`` examples, those that are so.
    """
    interval = stats.binomtest(count, total).proportion_ci(LEVEL, method="wilson")
    return float(interval.low), float(interval.high)


def difference_interval(first_only: int, second_only: int, total: int) -> tuple[float, float]:
    """The 95% interval of the share right in the first less that in the second, both on the same examples.

    It holds every difference that the score test of Tango (1998, Statistics in Medicine 17) does not refuse.

    Args:
        first_only: examples that only the first answers rightly.
        second_only: those that only the second answers rightly.
        total: all examples.
    """
    return -_above(second_only, first_only, total), _above(first_only, second_only, total)


def _above(first_only: int, second_only: int, total: int) -> float:
    """The upper end of the interval of the difference."""
    estimate = (first_only - second_only) / total
    excess = _excess(first_only, second_only, total)
    if estimate + EDGE >= 1 or excess(1.0) <= 0:
        return 1.0
    return float(optimize.brentq(excess, estimate + EDGE, 1.0, xtol=1e-10))


def _excess(first_only: int, second_only: int, total: int) -> Callable[[float], float]:
    """By how much a difference lies further above the estimate than the test allows; examples."""
    quantile = special.ndtri((1 + LEVEL) / 2)

    def excess(difference: float) -> float:
        linear = (2 * total - first_only + second_only) * difference - first_only - second_only
        constant = -second_only * difference * (1 - difference)
        both = (np.sqrt(linear**2 - 8 * total * constant) - linear) / (4 * total)  # the likeliest share of second_only
        variance = total * (2 * both + difference * (1 - difference))
        return total * difference - first_only + second_only - quantile * np.sqrt(max(variance, 0.0))

    return excess
