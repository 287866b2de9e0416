"""Training steps saved: where the learning curve from scratch crosses what a ported module has."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from peftport.statistics.example_scores import Answers, paired
from peftport.statistics.intervals import estimate


@dataclass(frozen=True)
class StepsSaved:
    """Steps from scratch that a module is worth, beyond its own.

    Attributes:
        steps: the estimate; NaN where scratch does not get there within the budgets.
        low: lower end of the 95% interval; NaN where scratch is behind at every budget: then it is the largest one.
        high: upper end; NaN where scratch is not shown to be ahead at the largest budget.
    """

    steps: float
    low: float
    high: float


def steps_saved(cell: Answers, budget: int, scratch: dict[int, Answers]) -> StepsSaved | None:
    """Steps saved by a cell at a budget; None where it shares no seed with modules from scratch.

    The difference between the cell and modules from scratch at t steps falls as t grows; the estimate is the t at
    which it crosses zero, less the cell's own budget. Between two budgets the difference is taken to be a straight
    line; a curve that dips is made to fall by isotonic regression. The interval holds every t at which the two are not
    told apart by the test of ``intervals``, over seeds and test examples: it begins where scratch is first not shown to
    be behind, and ends where it is shown to be ahead at all further budgets.

    Args:
        cell: the cell's answers at ``budget``.
        scratch: budget to the answers of modules from scratch.
    """
    steps, behind = sorted(scratch), []
    for step in steps:
        if (both := paired(cell, scratch[step])) is None:
            return None
        behind.append(estimate(both[0] - both[1]))
    falling = optimize.isotonic_regression([part.effect for part in behind], increasing=False).x
    low = np.minimum.accumulate([part.low for part in behind])
    high = np.maximum.accumulate([part.high for part in reversed(behind)])[::-1]
    return StepsSaved(*(_crossing(steps, line) - budget for line in (falling, low, high)))


def _crossing(steps: list[int], line: np.ndarray) -> float:
    """The first step at which a falling line through these points is at or below zero; NaN where it never is."""
    below = np.flatnonzero(np.asarray(line) <= 0)
    if not len(below):
        return np.nan
    index = int(below[0])
    if index == 0:
        return float(steps[0])
    here, there = float(line[index - 1]), float(line[index])
    return steps[index - 1] + (steps[index] - steps[index - 1]) * here / (here - there)
