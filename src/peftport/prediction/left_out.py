"""How well a predictor does on pairs of hosts that it has not seen, against the best constant.

One pair of hosts after the other is left out. A monotone curve is fitted to the moves of the others, each pair with the
same weight, and so is the best constant, their mean. The difference of both mean squared errors on the pair left out is
one number for each pair; their mean has Student's interval over pairs. Holm's correction is over the measures of one
table. How often a measure that says nothing is called better: ``docs/statistics.md``.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from peftport.prediction.correlation import FEWEST
from peftport.prediction.monotone import fit

BETTER, NO_BETTER, CANNOT_TELL = "better than a constant", "no better than a constant", "cannot tell"
ALPHA = 0.05


@dataclass(frozen=True)
class LeftOut:
    """Errors on pairs of hosts left out, on the scale of the recovered gap.

    Attributes:
        error: root mean square over pairs of the predictor's; None with fewer than ``FEWEST`` pairs.
        constant_error: that of the constant.
        gain: mean over pairs of the constant's squared error less the predictor's.
        low, high: its 95% interval.
        p_value: two-sided, of no difference.
        pairs, moves: their numbers.
    """

    error: float | None
    constant_error: float | None
    gain: float | None
    low: float | None
    high: float | None
    p_value: float | None
    pairs: int
    moves: int

    def verdict(self, p_holm: float | None) -> str:
        """One of ``BETTER``, ``NO_BETTER``, ``CANNOT_TELL``.

        Args:
            p_holm: the p-value corrected over the measures of the table.
        """
        if self.gain is None or p_holm is None:
            return CANNOT_TELL
        return BETTER if self.low > 0 and p_holm <= ALPHA else NO_BETTER


def left_out(moves: pd.DataFrame, measure: str, rising: bool) -> LeftOut:
    """The errors of one measure, a column of moves, over the pairs of hosts that have it.

    Args:
        rising: whether more of the measure should go with a larger gap recovered.
    """
    known = moves.dropna(subset=[measure, "gap"])
    pairs, place = np.unique(known["pair"].to_numpy(str), return_inverse=True)
    if len(pairs) < FEWEST:
        return LeftOut(None, None, None, None, None, None, len(pairs), len(known))
    measured, gaps = known[measure].to_numpy(float), known["gap"].to_numpy(float)
    weights = 1 / np.bincount(place)[place]
    squares = np.empty((2, len(pairs)))
    for pair in range(len(pairs)):
        out, rest = place == pair, place != pair
        curve = fit(measured[rest], gaps[rest], weights[rest], rising)
        mean = np.average(gaps[rest], weights=weights[rest])
        squares[:, pair] = [np.mean((gaps[out] - said) ** 2) for said in (curve.predict(measured[out]), mean)]
    gains = squares[1] - squares[0]
    gain, spread = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(pairs)))
    reach = float(stats.t.ppf(1 - ALPHA / 2, len(pairs) - 1)) * spread
    p_value = float(2 * stats.t.sf(abs(gain) / spread, len(pairs) - 1)) if spread else 1.0
    errors = np.sqrt(squares.mean(axis=1))
    return LeftOut(*map(float, errors), gain, gain - reach, gain + reach, p_value, pairs=len(pairs), moves=len(known))
