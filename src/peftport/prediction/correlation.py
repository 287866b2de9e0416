"""Rank correlation of a measure with the recovered gap over pairs of hosts, with its interval.

Each pair of hosts is one point, the means over its moves, however many it has. Spearman's correlation of these points
has the interval of Bonett and Wright (2000, *Psychometrika* 65, 23-28), on Fisher's scale with the variance
``(1 + r^2 / 2) / (n - 3)``. How often it misses with few pairs: ``docs/statistics.md``.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

FEWEST = 4  # pairs of hosts, below which nothing can be told


@dataclass(frozen=True)
class Correlation:
    """Spearman's correlation over pairs of hosts.

    Attributes:
        value: the correlation; None with fewer than ``FEWEST`` pairs, or where one side does not vary.
        low, high: its 95% interval; None as the value.
        pairs: number of pairs of hosts.
        moves: number of moves.
    """

    value: float | None
    low: float | None
    high: float | None
    pairs: int
    moves: int


def correlation(moves: pd.DataFrame, measure: str) -> Correlation:
    """That of a column of moves with ``gap``, over the pairs of hosts that have both."""
    known = moves.dropna(subset=[measure, "gap"])
    points = known.groupby("pair")[[measure, "gap"]].mean()
    n = len(points)
    if n < FEWEST or points.round(12).nunique().min() < 2:
        return Correlation(None, None, None, n, len(known))
    value = float(stats.spearmanr(points[measure], points["gap"]).statistic)
    most = 1 - 1 / n**2  # a perfect order of few points is no proof of a perfect one
    centre = math.atanh(float(np.clip(value, -most, most)))
    reach = float(stats.t.ppf(0.975, n - 2)) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Correlation(value, math.tanh(centre - reach), math.tanh(centre + reach), n, len(known))
