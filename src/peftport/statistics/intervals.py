"""Intervals and tests of one mean over a (seeds x examples) matrix, from that matrix alone.

Such a mean is uncertain for two reasons: another seed gives another module, and another test set has other examples.
With S seeds, E examples, values y_se, row means r_s and column means c_e (a two-way table with one value a cell,
crossed random effects):

    v_seeds    = var(r) / S
    v_examples = max(0, var(c) / E - residual / (S E)),
    residual   = sum over s, e of (y_se - r_s - c_e + mean)^2 / ((S - 1) (E - 1)),

with var of S - 1 and E - 1 degrees of freedom. Chance in single answers spreads the row means and the column means. It
stays in the share of the seeds and is taken out of that of the examples, so that it counts once. The interval is

    mean +- t sqrt(v_seeds + v_examples),
    t = (v_seeds t_{S-1} + v_examples t_{E-1}) / (v_seeds + v_examples),

where t_n is the quantile of Student's t with n degrees of freedom (Cochran and Cox 1957, *Experimental Designs*,
section 4.14). The p-value is the level at which the interval just touches zero, so interval and p-value agree. Nothing
is borrowed from other rows of a table: rows differ too much (a cell at its ceiling beside one that learns in one seed
of three), and a typical spread makes intervals too wide for the one and too narrow for the other.

A single seed says nothing of the spread between seeds: then examples alone vary, and the interval is about this seed.

How often these intervals miss, by seed spread, number of seeds and of examples: ``docs/statistics.md``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import optimize, special

LEVEL = 0.95
SMALLEST_P = 1e-30
ROUNDING = 1e-20  # a variance below this is rounding


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and examples with what makes it uncertain.

    Attributes:
        effect: the mean.
        by_seeds, by_examples: the variance that each gives the mean; ``by_seeds`` is zero with one seed.
        seeds, examples: how many there are.
    """

    effect: float
    by_seeds: float
    by_examples: float
    seeds: int
    examples: int

    def half_width(self, alpha: float = 1 - LEVEL) -> float:
        """Half-width of the two-sided interval that misses in ``alpha`` of all cases."""
        variance = self.by_seeds + self.by_examples
        if not variance:
            return 0.0
        weighted = -special.stdtrit(self.examples - 1, alpha / 2) * self.by_examples
        if self.by_seeds:
            weighted -= special.stdtrit(self.seeds - 1, alpha / 2) * self.by_seeds
        return float(weighted / np.sqrt(variance))

    @property
    def low(self) -> float:
        """Lower end of the 95% interval."""
        return self.effect - self.half_width()

    @property
    def high(self) -> float:
        """Upper end of it."""
        return self.effect + self.half_width()

    @cached_property
    def p_value(self) -> float:
        """Two-sided p-value of a mean of zero; where nothing varies, 1 for no effect and 0 for any."""
        size = abs(self.effect)
        if size < 1e-12:
            return 1.0
        if not self.by_seeds + self.by_examples:
            return 0.0
        if self.half_width(SMALLEST_P) <= size:
            return SMALLEST_P

        def beyond(exponent: float) -> float:
            return self.half_width(10.0**exponent) - size

        return float(10.0 ** optimize.brentq(beyond, np.log10(SMALLEST_P), 0.0, xtol=1e-6))

    def is_above(self, bound: float, alpha: float) -> bool:
        """Whether the mean is shown to be above ``bound``, by a one-sided test of level ``alpha``."""
        return self.effect - self.half_width(2 * alpha) > bound

    def is_below(self, bound: float, alpha: float) -> bool:
        """Whether the mean is shown to be below ``bound``, by a one-sided test of level ``alpha``."""
        return self.effect + self.half_width(2 * alpha) < bound

    def with_size(self, seeds: int, examples: int) -> "Estimate":
        """What this estimate would be with other numbers of seeds and examples, if the spreads are as estimated."""
        by_seeds, by_examples = self.by_seeds * self.seeds / seeds, self.by_examples * self.examples / examples
        return replace(self, by_seeds=by_seeds, by_examples=by_examples, seeds=seeds, examples=examples)


def ends(part: Estimate, least: float = -np.inf, most: float = np.inf) -> tuple[float, float, float]:
    """A mean and the ends of its 95% interval, held to these bounds; all NaN where a score is missing."""
    if np.isnan(part.effect):
        return np.nan, np.nan, np.nan
    return part.effect, max(least, part.low), min(most, part.high)


def estimate(values: np.ndarray) -> Estimate:
    """The mean of a matrix, with what seeds and examples contribute to its variance.

    Args:
        values: scores, or paired differences of them; shape (seeds, examples).

    Raises:
        ValueError: not a matrix with at least one seed and two examples.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 1 or values.shape[1] < 2:
        raise ValueError(f"expected a matrix (seeds, examples) with at least 2 examples, got shape {values.shape}")
    seeds, examples = values.shape
    mean, rows, columns = values.mean(), values.mean(axis=1), values.mean(axis=0)
    by_examples = columns.var(ddof=1) / examples
    if seeds == 1:
        return Estimate(float(mean), 0.0, _variance(by_examples), 1, examples)
    residual = ((values - rows[:, None] - columns + mean) ** 2).sum() / ((seeds - 1) * (examples - 1))
    by_seeds, by_examples = rows.var(ddof=1) / seeds, by_examples - residual / (seeds * examples)
    return Estimate(float(mean), _variance(by_seeds), _variance(by_examples), seeds, examples)


def total(parts: Sequence[np.ndarray]) -> Estimate:
    """The sum of the means of matrices that share their seeds, each over test examples of its own.

    Of one matrix it is its ``estimate``. What seeds contribute is the variance of the sums of row means; what examples
    contribute adds up, and the smallest set of examples gives its degrees of freedom.

    Args:
        parts: at least one; each of shape (seeds, examples of its own).
    """
    singly = [estimate(part) for part in parts]
    if len(singly) == 1:
        return singly[0]
    seeds = singly[0].seeds
    rows = np.sum([np.asarray(part, dtype=np.float64).mean(axis=1) for part in parts], axis=0)
    by_seeds = _variance(rows.var(ddof=1) / seeds) if seeds > 1 else 0.0
    by_examples = sum(one.by_examples for one in singly)
    return Estimate(float(rows.mean()), by_seeds, by_examples, seeds, min(one.examples for one in singly))


def _variance(value: float) -> float:
    return float(value) if value > ROUNDING else 0.0
