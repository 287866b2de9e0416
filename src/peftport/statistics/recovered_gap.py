"""The recovered gap, a ratio of two uncertain differences, with its interval."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from peftport.statistics.example_scores import Answers, paired
from peftport.statistics.intervals import Estimate, estimate

SMALLEST_GAP = 0.03  # native - bare must be shown to be at least this, else it is too small to divide by
DOUBLINGS = 40


@dataclass(frozen=True)
class RecoveredGap:
    """(score - bare) / (native - bare), and the gap that it is divided by.

    Attributes:
        gap: native - bare.
        share: the ratio; NaN unless the lower end of the gap's interval is at least ``SMALLEST_GAP``.
        low, high: its 95% interval; NaN as the ratio.
    """

    gap: Estimate
    share: float = np.nan
    low: float = np.nan
    high: float = np.nan


def recovered_gap(cell: Answers, bare: Answers, native: Answers) -> RecoveredGap | None:
    """The recovered gap of a cell over the seeds that it shares with native modules; None where there are none.

    The interval is Fieller's (1954, Journal of the Royal Statistical Society B 16): it holds every share x for which
    the mean of ``score - bare - x (native - bare)`` is not told from zero by the test of ``intervals``, over seeds and
    test examples. So it is exact where that test is, and lopsided where the gap is uncertain.
    """
    if (both := paired(cell, native)) is None:
        return None
    lift, gap = (over_bare(side, bare) for side in both)
    divisor = estimate(gap)
    if divisor.low < SMALLEST_GAP:
        return RecoveredGap(divisor)
    share = float(lift.mean(dtype=np.float64) / divisor.effect)
    ends = [_end(lift, gap, share, direction) for direction in (-1, 1)]
    return RecoveredGap(divisor, share, *ends)


def over_bare(values: np.ndarray, bare: Answers) -> np.ndarray:
    """Scores less those of the bare host, which has one seed; (seeds, examples)."""
    return values - bare.values[:1]


def _end(lift: np.ndarray, gap: np.ndarray, share: float, direction: int) -> float:
    """Where the interval ends below (-1) or above (1) the share."""

    def excess(distance: float) -> float:
        rest = estimate(lift - (share + direction * distance) * gap)
        return abs(rest.effect) - rest.half_width()

    if excess(0.0) >= 0:  # nothing varies
        return share
    reach = 0.01
    for _ in range(DOUBLINGS):
        if excess(reach) > 0:
            return share + direction * float(optimize.brentq(excess, 0.0, reach, xtol=1e-6))
        reach *= 2
    return direction * np.inf
