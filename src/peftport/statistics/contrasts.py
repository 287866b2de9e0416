"""Paired differences: ported against every other initialisation and against the references.

Modules that are moved without their classification head (``ported_fresh_head``) have controls of their own, in which
the head is the same fresh one; they are compared with these, and ``ported`` is not.
"""

import numpy as np
import pandas as pd

from peftport.statistics.example_scores import KEY, Answers, ExampleScores, beside, metrics_of, paired
from peftport.statistics.families import holm_within
from peftport.statistics.intervals import Estimate, ends, estimate
from peftport.storage.tables import TABLES

FIRST = "ported"
# modules that are moved without their classification head, and the controls that have none of it either
WITHOUT_HEAD, ITS_CONTROLS = "ported_fresh_head", ("sampled_fresh_head", "scratch")
TAUGHT = "distilled"  # it has taken further steps at every budget, so nothing is compared with it at equal budgets
REFERENCES = ("bare", "native")
# the moves that one sentence of the report is about
FAMILY = ["study", "technique", "budget_steps", "initialisation", "baseline"]


def contrasts(runs: pd.DataFrame, references: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per technique x transfer x dataset pair x budget x baseline.

    Two initialisations are compared seed by seed and test example by test example. The bare host has no seed: its
    answers stand beside each seed of the ported modules. Holm's correction is over the moves of a technique that are
    compared with the same baseline at the same budget.

    Args:
        runs: table `runs`; runs that failed are left out, with those that they would be compared with.
        references: table `references`.
        predictions: one row per run and test example, with the columns of the cell.

    Returns:
        Table `contrasts`; empty where nothing was ported.

    Raises:
        ValueError: a run has no predictions.
    """
    answers, likelihoods = ExampleScores(predictions), ExampleScores(predictions, "choice_log_likelihood")
    metrics, rows = metrics_of(runs), []
    for study, key, baseline in [*compared(runs, references), *compared(runs, references, WITHOUT_HEAD)]:
        both = sides(answers, key, baseline)
        if both is None:
            continue
        keys = dict(zip(KEY, key, strict=True)) | {"study": study, "baseline": baseline}
        keys["metric"] = metrics[keys["target_dataset"]]
        likelihood = estimate(np.subtract(*sides(likelihoods, key, baseline)))
        log = dict(zip(("difference", "low", "high"), ends(likelihood), strict=True))
        rows.append(
            keys
            | differences(estimate(both[0] - both[1]))
            | {"win_rate": win_rate(*both)}
            | {f"log_likelihood_{name}": value for name, value in log.items()}
        )
    table = pd.DataFrame(rows, columns=[column for column in TABLES["contrasts"] if column != "p_value_holm"])
    return table.assign(p_value_holm=holm_within(table, FAMILY))[list(TABLES["contrasts"])]


def compared(runs: pd.DataFrame, references: pd.DataFrame, first: str = FIRST) -> list[tuple[str, tuple, str]]:
    """Study, key of ported modules, and baseline, for everything that ported modules can be compared with.

    Args:
        first: `ported`, or `ported_fresh_head`, which is compared with its own controls.
    """
    runs = runs.dropna(subset="score")
    names = [name for name in dict.fromkeys(runs["initialisation"]) if _matches(first, name)]
    known = set(zip(*(runs[column] for column in KEY), strict=True))
    present = [name for name in REFERENCES if (references["initialisation"] == name).any()]
    ported = runs[runs["initialisation"] == first]
    comparisons = []
    for study, *key in ported[["study", *KEY]].drop_duplicates().itertuples(index=False, name=None):
        others = [name for name in names if (*key[:-2], name, key[-1]) in known]
        comparisons += [(study, tuple(key), baseline) for baseline in [*others, *present]]
    return comparisons


def _matches(first: str, name: str) -> bool:
    """Whether an initialisation is one that ``first`` is compared with."""
    return name in ITS_CONTROLS if first == WITHOUT_HEAD else name not in (FIRST, TAUGHT, "sampled_fresh_head")


def sides(scores: ExampleScores, key: tuple, baseline: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores of a cell and of its baseline, each (seeds, examples); None where one of them is missing.

    Raises:
        ValueError: a run has no predictions.
    """
    technique, _, target_host, _, _, target_dataset, _, budget = key
    cell: Answers = scores.need(key)
    if baseline == "bare":
        bare = scores.bare(target_host, target_dataset)
        return bare and beside(cell, bare)
    if baseline == "native":
        native = scores.native(technique, target_host, target_dataset)
        return native and paired(cell, native)
    return paired(cell, scores.need((*key[:-2], baseline, budget)))


def win_rate(left: np.ndarray, right: np.ndarray) -> float:
    """Share of seeds in which the left has the larger score; ties count half. Both (seeds, examples)."""
    better = np.sign(left.sum(axis=1, dtype=float) - right.sum(axis=1, dtype=float))
    return float((better + 1).mean() / 2)


def differences(difference: Estimate) -> dict[str, float]:
    """An estimated difference of accuracies as columns of a table; the ends are held to -1 and 1."""
    return {
        "seeds": difference.seeds,
        "difference": difference.effect,
        "low": max(-1.0, difference.low),
        "high": min(1.0, difference.high),
        "p_value": difference.p_value,
    }
