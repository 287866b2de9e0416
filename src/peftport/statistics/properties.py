"""What a study can say about properties of techniques: which of them it tells apart, and with how much certainty.

A study has few techniques, and techniques differ in many properties at once. So first come questions of design: which
properties split the techniques alike, and which p-value a split could reach at best. The tests are exact permutation
tests over techniques (Fisher, 1935, *The Design of Experiments*).
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from peftport.seeds import generator

EXACT = 7  # techniques up to which every permutation is looked at
DRAWN = 5000  # permutations drawn beyond that
Values = pd.DataFrame  # one row per technique, one column per property, texts


@dataclass(frozen=True)
class Split:
    """Properties that split the techniques alike.

    Attributes:
        properties: their names.
        groups: value of the first property to the techniques that have it.
    """

    properties: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]

    @property
    def is_constant(self) -> bool:
        """Whether all techniques are alike."""
        return len(self.groups) == 1

    @property
    def names_each(self) -> bool:
        """Whether every technique has a value of its own."""
        return len(self.groups) > 1 and all(len(names) == 1 for names in self.groups.values())


@dataclass(frozen=True)
class Outcome:
    """An effect, its p-value, and the smallest p-value that so few techniques could give."""

    effect: float
    p_value: float
    smallest: float


@dataclass(frozen=True)
class Pair:
    """Two techniques that differ in one property only, and how their ported modules compare seed by seed.

    Attributes:
        first, second: techniques.
        property: in what they differ.
        difference: mean accuracy of the first minus that of the second.
        low, high: 95% interval over seeds (Student's t); None with one seed.
        seeds: number of seeds.
    """

    first: str
    second: str
    property: str
    difference: float
    low: float | None
    high: float | None
    seeds: int


def splits(values: Values) -> list[Split]:
    """Properties grouped by how they split the techniques, in the order of the columns."""
    names_of: dict[frozenset, list[str]] = {}
    for name in values:
        parts = frozenset(frozenset(rows.index) for _, rows in values.groupby(name, dropna=False))
        names_of.setdefault(parts, []).append(name)
    return [Split(tuple(names), _groups(values[names[0]])) for names in names_of.values()]


def _groups(column: pd.Series) -> dict[str, tuple[str, ...]]:
    return {value: tuple(column.index[column == value]) for value in dict.fromkeys(column)}


def split_test(scores: pd.Series, split: Split) -> Outcome:
    """Whether techniques of one value score alike: variance between groups, against all ways to deal the scores out.

    The effect is the range of the groups' means.

    Args:
        scores: technique to its portability.
    """
    order = [name for names in split.groups.values() for name in names]
    sizes = [len(names) for names in split.groups.values()]
    edges = np.cumsum([0, *sizes])
    values = scores[order].to_numpy(dtype=float)

    def means(dealt: np.ndarray) -> np.ndarray:
        return np.array([dealt[low:high].mean() for low, high in itertools.pairwise(edges)])

    p_value = _permuted(values, lambda dealt: float(np.dot(sizes, (means(dealt) - values.mean()) ** 2)))
    same = math.prod(math.factorial(size) for size in sizes)
    same *= math.prod(math.factorial(sizes.count(size)) for size in set(sizes))
    return Outcome(float(np.ptp(means(values))), p_value, same / math.factorial(len(order)))


def order_test(scores: pd.Series, sizes: pd.Series) -> Outcome:
    """Spearman's rank correlation of portability with a number, tested exactly over techniques.

    Args:
        scores: technique to its portability.
        sizes: technique to the number.
    """
    ranks, score_ranks = stats.rankdata(sizes[scores.index]), stats.rankdata(scores)
    effect = _correlation(ranks, score_ranks)
    p_value = _permuted(score_ranks, lambda dealt: abs(_correlation(ranks, dealt)))
    return Outcome(effect, p_value, 2 / math.factorial(len(scores)))


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _permuted(values: np.ndarray, statistic: Callable[[np.ndarray], float]) -> float:
    """Share of permutations whose statistic is at least that of ``values``."""
    reached = statistic(values) - 1e-12
    if len(values) <= EXACT:
        dealt = [np.array(order) for order in itertools.permutations(values)]
        return float(np.mean([statistic(order) >= reached for order in dealt]))
    draw = generator(0, "permutations")
    reaching = sum(statistic(draw.permutation(values)) >= reached for _ in range(DRAWN))
    return (reaching + 1) / (DRAWN + 1)


def pairs(values: Values, runs: pd.DataFrame) -> list[Pair]:
    """Every two techniques that differ in exactly one property, compared on ported modules at the smallest budget.

    Args:
        values: properties of the techniques.
        runs: table `runs`.
    """
    ported = runs[runs["initialisation"] == "ported"]
    ported = ported[ported["budget_steps"] == ported["budget_steps"].min()]
    compared = []
    for first, second in itertools.combinations(values.index, 2):
        different = [name for name in values if values.loc[first, name] != values.loc[second, name]]
        if len(different) == 1:
            compared.append(_compared(ported, first, second, different[0]))
    return [pair for pair in compared if pair is not None]


def _compared(ported: pd.DataFrame, first: str, second: str, name: str) -> Pair | None:
    """The comparison of two techniques over what both were run on; None where that is nothing."""
    move = ["source_host", "target_host", "map", "source_dataset", "target_dataset", "seed"]
    left, right = (ported[ported["technique"] == technique].set_index(move)["score"] for technique in (first, second))
    both = (left - right).dropna().groupby(level="seed").mean()
    if both.empty:
        return None
    low = high = None
    if len(both) > 1:
        reach = stats.t.ppf(0.975, len(both) - 1) * both.std(ddof=1) / math.sqrt(len(both))
        low, high = both.mean() - reach, both.mean() + reach
    return Pair(first, second, name, float(both.mean()), low, high, len(both))
