"""Does a module of one task help another? Ported modules less modules from scratch, from each task to each.

A matrix has a few seeds and many cells, and cells spread unlike. By chance the seeds of one cell lie close together,
and the test of that cell alone then takes a small difference for a sure one. So the variance that seeds give a cell is
at least its mean over the matrix,

    v_seeds = max(own, mean over the cells from task to another task of one transfer, technique and budget),

and because such a variance rests on more than the cell's own S seeds, its t has S + 1 degrees of freedom where at
least ``MANY`` cells have three seeds each, else the S - 1 of its own. Interval and p-value are those of ``intervals``
with it. More degrees of freedom would find more and err too often where a few cells spread far wider than the others.
How often this errs and what it finds, for spreads alike and unlike: ``docs/statistics.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from peftport.statistics.contrasts import differences
from peftport.statistics.example_scores import KEY, Answers, ExampleScores, beside, metrics_of, paired
from peftport.statistics.families import ALPHA, holm
from peftport.statistics.intervals import Estimate, ends, estimate
from peftport.storage.tables import TABLES

PORTED, SCRATCH = "ported", "scratch"
MATRIX = ["study", "technique", "source_host", "target_host", "map", "budget_steps"]
MANY, SEVERAL = 4, 3  # cells of a matrix, and seeds of each, from which they say something of each other
FURTHER = 2  # degrees of freedom that they then lend each other
HELPS, HARMS, CANNOT_TELL, OWN_TASK = "helps", "harms", "cannot_tell", "own_task"


def cross_task(runs: pd.DataFrame, predictions: pd.DataFrame, own: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row per technique x transfer x budget x source task x target task.

    Holm's correction is over a matrix: the moves from a task to another of one technique, transfer and budget. The
    outcome of a move is ``helps`` or ``harms`` where the corrected p-value is below 5% and there are two seeds at
    least, else ``cannot_tell``. From a task to itself it is ``own_task``: the ceiling, which is not counted.

    Args:
        runs: table `runs`; runs that failed are left out, with those that they would be compared with.
        predictions: one row per run and test example, with the columns of the cell.
        own: technique to the one whose modules of the target task its moves are read against; itself unless named.

    Returns:
        Table `cross_task`; empty where nothing was ported or nothing started from scratch.

    Raises:
        ValueError: a run has no predictions.
    """
    answers, metrics, rows = ExampleScores(predictions), metrics_of(runs), []
    ported = runs[(runs["initialisation"] == PORTED) & runs["score"].notna()]
    known = set(runs.dropna(subset="score")[KEY].itertuples(index=False, name=None))
    for names, matrix in ported.groupby(MATRIX, sort=False, observed=True):
        keys = list(matrix[KEY].drop_duplicates().itertuples(index=False, name=None))
        moves = {key: both for key in keys if (both := _against(answers, known, key, SCRATCH)) is not None}
        others = [key for key in moves if not _is_own(key)]
        parts = {key: estimate(left - right) for key, (left, right) in moves.items()}
        tested = dict(zip(parts, with_floor(list(parts.values()), [key in others for key in parts]), strict=True))
        corrected = dict(zip(others, holm([tested[key].p_value for key in others]), strict=True))
        for key, (left, right) in moves.items():
            place = dict(zip(KEY, key, strict=True)) | {"study": names[0]}
            place["metric"], p_value = metrics[place["target_dataset"]], corrected.get(key, np.nan)
            told = differences(tested[key]) | {"seeds": len(left), "p_value_holm": p_value}
            scores = {PORTED: float(left.mean()), SCRATCH: float(right.mean())}
            outcome = {"outcome": OWN_TASK if _is_own(key) else outcome_of(parts[key], p_value)}
            rows.append(place | scores | told | outcome | _beside(answers, known, key, own or {}))
    return pd.DataFrame(rows, columns=list(TABLES["cross_task"]))


def with_floor(parts: Sequence[Estimate], counted: Sequence[bool] | None = None) -> list[Estimate]:
    """Estimates of one matrix, the variance by seeds of each at least the mean over the matrix.

    Args:
        parts: of the cells.
        counted: of each, whether it is of a move from a task to another, over which the mean is; all unless given.
    """
    counted = [True] * len(parts) if counted is None else counted
    family = [part for part, one in zip(parts, counted, strict=True) if one and part.seeds > 1]
    if not family:
        return list(parts)
    mean = sum(part.by_seeds * part.seeds for part in family) / len(family)
    several = len(family) >= MANY and min(part.seeds for part in family) >= SEVERAL
    return [
        # ``seeds`` is the degrees of freedom of the variance, and one
        replace(
            part,
            by_seeds=max(part.by_seeds, mean / part.seeds),
            seeds=part.seeds + FURTHER if several else part.seeds,
        )
        if part.seeds > 1
        else part
        for part in parts
    ]


def outcome_of(part: Estimate, p_value: float) -> str:
    """What a move from a task to another does.

    Args:
        p_value: corrected for the other moves.
    """
    if part.seeds < 2 or not p_value < ALPHA:
        return CANNOT_TELL
    return HELPS if part.effect > 0 else HARMS


def _is_own(key: tuple) -> bool:
    return key[KEY.index("source_dataset")] == key[KEY.index("target_dataset")]


def _against(
    answers: ExampleScores, known: set[tuple], key: tuple, initialisation: str
) -> tuple[np.ndarray, np.ndarray] | None:
    """Answers of a move's modules and of others at the same place, seed by seed; None where one of them is missing."""
    place = (*key[:-2], initialisation, key[-1])
    return paired(answers.need(key), answers.need(place)) if place in known else None


def _beside(answers: ExampleScores, known: set[tuple], key: tuple, own: Mapping[str, str]) -> dict[str, float]:
    """What else a move is read against: the bare host, and modules of the target task itself."""
    technique, *hosts, _, target, initialisation, budget = key
    ported, bare = answers.need(key), answers.bare(hosts[1], target)
    found = {"bare": np.nan if bare is None else float(bare.values.mean())}
    found |= _columns("bare", None if bare is None else beside(ported, bare))
    place = (own.get(technique, technique), *hosts, target, target, initialisation, budget)
    ceiling: Answers | None = answers.need(place) if place in known else None
    found["own"] = np.nan if ceiling is None else float(ceiling.values.mean())
    return found | _columns("own", None if ceiling is None or place == key else paired(ported, ceiling))


def _columns(name: str, sides: tuple[np.ndarray, np.ndarray] | None) -> dict[str, float]:
    """A difference with its interval as columns; null where a side is missing."""
    numbers = (np.nan,) * 3 if sides is None else ends(estimate(sides[0] - sides[1]), -1.0, 1.0)
    return dict(zip((f"{name}_difference", f"{name}_low", f"{name}_high"), numbers, strict=True))
