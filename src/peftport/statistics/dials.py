"""The score along a dial, and its trend: a linear contrast over the points of the dial.

With points at x_1, ..., x_K (values, or their logarithms) the trend is the slope of the least-squares line through the
points' means,

    slope = sum over k of w_k m_k,   w_k = (x_k - mean of x) / sum over j of (x_j - mean of x)^2,

so it is the mean over seeds and test examples of ``sum over k of w_k y_kse``, and its interval and p-value are those of
``intervals`` for that matrix: a seed is a block, for its source module is the same at all points, and so is a test
example where points are tested on the same dataset. Points of other datasets have examples of their own.

One point must not make a trend alone: another host there may differ, and where a few seeds fail at that point alone the
slope is so lopsided that its own test errs in up to 14% of cases. So a trend is said only where the slopes without each
point in turn have its sign, each with a p-value below 20%.

Each point is one host or dataset. What another host with the same value would give is in no interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from peftport.statistics.example_scores import KEY, Answers, ExampleScores, metrics_of
from peftport.statistics.families import ALPHA, holm_within
from peftport.statistics.intervals import Estimate, total
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import TABLES

PORTED, NATIVE, BARE, NONE = "ported", "native", "bare", "none"
MEASURES = ((PORTED, NONE), (PORTED, NATIVE), (NATIVE, NONE), (BARE, NONE))
FEWEST = 3  # points of a trend
WITHOUT_ONE = 0.2  # p-value of a slope without one of its points, from which on that point alone makes the trend
ONE_POINT = "one point alone makes the trend"
# the trends that one sentence of the report is about
FAMILY = ["study", "initialisation", "baseline", "budget_steps"]
RISES, FALLS, NO_TREND, CANNOT_TELL = "rises", "falls", "no_trend", "cannot_tell"

Point = Sequence[tuple[str, Answers]]  # its moves: the dataset that is tested on, and the answers


@dataclass(frozen=True)
class Trend:
    """The slope of a score along a dial, or why there is none.

    Attributes:
        without_one: the largest p-value of the slopes without one point each; 1 where one has another sign.
    """

    slope: Estimate | None
    without_one: float = np.nan
    why_not: str | None = None


def dials(runs: pd.DataFrame, predictions: pd.DataFrame, dials: Mapping[str, JsonObject] | None = None) -> pd.DataFrame:
    """One row per dial x technique x map x budget x score x point; the trend stands in each row of its curve.

    Scores are those of ``ported`` at every budget, the same less those of native modules, and, at the smallest budget
    alone, those of native modules and of the bare host. Holm's correction is over the trends (dials x techniques x
    maps) of one score at one budget, which are what a sentence counts.

    Args:
        runs: table `runs`; runs that failed are left out, and so are seeds that a point of the curve does not have.
        predictions: one row per run and test example, with the columns of the cell.
        dials: each by its name, as ``peftport.study.dials.told_of_dials`` gives them.

    Returns:
        Table `dials`.
    """
    answers, metrics = ExampleScores(predictions), metrics_of(runs)
    curves, points = [], []
    for keys, dial, moves in _curves(runs, dials or {}):
        for initialisation, baseline in MEASURES:
            if initialisation != PORTED and keys["budget_steps"] != runs["budget_steps"].min():
                continue
            measured = _measured(answers, moves, initialisation, baseline)
            if not measured:
                continue
            tested = {dataset for point in measured.values() for dataset, _ in point}
            kinds = list(dict.fromkeys(metrics[dataset] for dataset in sorted(tested)))
            places = dict(zip(dial["points"].values(), dial["places"], strict=True))
            found = trend(measured, places) if len(kinds) == 1 else Trend(None, why_not="points differ in score")
            named = keys | {"initialisation": initialisation, "baseline": baseline, "metric": kinds[0]}
            curves.append(named | _columns(found))
            points.append([_row(value, places[value], point) for value, point in measured.items()])
    table = pd.DataFrame(curves, columns=[name for name in TABLES["dials"] if name not in _OF_A_POINT])
    told = table[table["p_value"].notna()]
    table["p_value_holm"] = holm_within(told, FAMILY).reindex(table.index)
    alone = (table["p_value_holm"] < ALPHA) & (table["p_value_without_one"] >= WITHOUT_ONE)
    table["why_not"] = table["why_not"].mask(alone, ONE_POINT)
    shown = (table["p_value_holm"] < ALPHA) & ~alone
    table["outcome"] = [_outcome(*row) for row in zip(table["slope"], shown, strict=True)]
    rows = [curve | point for curve, along in zip(table.to_dict("records"), points, strict=True) for point in along]
    return pd.DataFrame(rows, columns=list(TABLES["dials"]))


_OF_A_POINT = ("value", "place", "moves", "seeds", "mean", "low", "high")


def _curves(
    runs: pd.DataFrame, dials: Mapping[str, JsonObject]
) -> Iterator[tuple[dict[str, object], JsonObject, dict[float, list[tuple]]]]:
    """Of each curve its keys, its dial, and the keys of its ported modules by value, which rise."""
    ported = runs[(runs["initialisation"] == PORTED) & runs["score"].notna()][["study", *KEY]].drop_duplicates()
    for name, dial in dials.items():
        at = [ported[column].map(dial["points"]) for column in dial["columns"]]
        there = reduce(np.logical_and, [value.notna() & (value == at[0]) for value in at])
        chosen = ported.assign(value=at[0])[there]
        for keys, rows in chosen.groupby(["study", "technique", "map", "budget_steps"], sort=False, observed=True):
            moves = {
                float(value): list(point[KEY].itertuples(index=False, name=None))
                for value, point in rows.groupby("value", sort=True)
            }
            named = dict(zip(("study", "technique", "map", "budget_steps"), keys, strict=True))
            yield named | {"dial": name, "label": dial["label"], "scale": dial["scale"]}, dial, moves


def _measured(
    answers: ExampleScores, moves: Mapping[float, Sequence[tuple]], initialisation: str, baseline: str
) -> dict[float, Point]:
    """The answers of the moves of every point; one is left out whose moves have no seed in common, or no answers."""
    found = {}
    for value, keys in moves.items():
        point = [(key[KEY.index("target_dataset")], _answers(answers, key, initialisation, baseline)) for key in keys]
        if all(one is not None for _, one in point) and len(_common(one for _, one in point)):
            found[value] = point
    return found


def _answers(answers: ExampleScores, key: tuple, initialisation: str, baseline: str) -> Answers | None:
    """The answers of one move, or of its target host; None where they are not there."""
    technique, _, host, _, _, dataset, *_ = key
    if initialisation == BARE:
        return answers.bare(host, dataset)
    native = answers.native(technique, host, dataset)
    if initialisation == NATIVE or (baseline == NATIVE and native is None):
        return native
    ported = answers.need(key)
    if baseline == NONE:
        return ported
    seeds, rows, others = np.intersect1d(ported.seeds, native.seeds, return_indices=True)
    return Answers(seeds, ported.values[rows] - native.values[others]) if len(seeds) else None


def trend(points: Mapping[float, Point], places: Mapping[float, float]) -> Trend:
    """The slope of the points' means.

    Args:
        points: value to the answers of its moves.
        places: value to where it lies on the scale of the trend.
    """
    if len(points) < FEWEST:
        number = f"{len(points)} point{'' if len(points) == 1 else 's'}"
        return Trend(None, why_not=f"{number}, and a trend needs {FEWEST}")
    if len({len(point) for point in points.values()}) > 1:
        return Trend(None, why_not="points have different numbers of moves")
    seeds = _common(one for point in points.values() for _, one in point)
    if len(seeds) < 2:
        return Trend(None, why_not="fewer than 2 seeds that all points have")
    slope = _slope(points, places, seeds)
    without = [_slope({key: points[key] for key in points if key != value}, places, seeds) for value in points]
    return Trend(slope, max(part.p_value if part.effect * slope.effect > 0 else 1.0 for part in without))


def _slope(points: Mapping[float, Point], places: Mapping[float, float], seeds: np.ndarray) -> Estimate:
    there = np.array([places[value] for value in points])
    weights = (there - there.mean()) / ((there - there.mean()) ** 2).sum()
    return _weighted(list(points.values()), weights, seeds)


def _weighted(points: Sequence[Point], weights: np.ndarray, seeds: np.ndarray) -> Estimate:
    """The weighted sum of the points' means over these seeds; a point is the mean of its moves."""
    parts: dict[str, np.ndarray] = {}
    for point, weight in zip(points, weights, strict=True):
        for dataset, one in point:
            rows = one.values[np.isin(one.seeds, seeds)].astype(np.float64)
            parts[dataset] = parts.get(dataset, 0.0) + weight / len(point) * rows
    return total(list(parts.values()))


def _common(answers: Iterator[Answers]) -> np.ndarray:
    return reduce(np.intersect1d, (one.seeds for one in answers))


def _row(value: float, place: float, point: Point) -> dict[str, float]:
    """A point with its mean and interval."""
    seeds = _common(one for _, one in point)
    mean = _weighted([point], np.ones(1), seeds)
    return {
        "value": value,
        "place": place,
        "moves": len(point),
        "seeds": len(seeds),
        "mean": mean.effect,
        "low": max(-1.0, mean.low),
        "high": min(1.0, mean.high),
    }


def _columns(found: Trend) -> dict[str, object]:
    slope = found.slope
    numbers = (slope.effect, slope.low, slope.high, slope.p_value) if slope else (np.nan,) * 4
    named = dict(zip(("slope", "slope_low", "slope_high", "p_value"), numbers, strict=True))
    return named | {"p_value_without_one": found.without_one, "why_not": found.why_not}


def _outcome(slope: float, shown: bool) -> str:
    if np.isnan(slope):
        return CANNOT_TELL
    return (RISES if slope > 0 else FALLS) if shown else NO_TREND
