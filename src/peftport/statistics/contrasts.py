"""Paired differences: ported against every other initialisation and against the references."""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from peftport.statistics.correctness import KEY, Answers, Correctness, beside, paired
from peftport.statistics.intervals import DRAWS, Bootstrap, Interval
from peftport.tables import TABLES

FIRST = "ported"
REFERENCES = ("bare", "native")


def contrasts(
    runs: pd.DataFrame, references: pd.DataFrame, predictions: pd.DataFrame, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """One row per technique x transfer x dataset pair x budget x baseline.

    Two initialisations are compared seed by seed and test example by test example. The bare host has no seed: its
    answers stand beside each seed of the ported modules. Holm's correction is over all rows of the table.

    Args:
        runs: table `runs`; runs that failed are left out, with those that they would be compared with.
        references: table `references`.
        predictions: one row per run and test example, with the columns of the cell.
        draws: bootstrap draws.
        seed: seed of the draws.

    Returns:
        Table `contrasts`; empty where nothing was ported.

    Raises:
        ValueError: a run has no predictions.
    """
    answers, bootstrap = Correctness(predictions), Bootstrap(draws, seed)
    runs = runs.dropna(subset="accuracy")
    names = list(dict.fromkeys(runs["initialisation"]))
    known = set(zip(*(runs[column] for column in KEY), strict=True))
    present = {name for name in REFERENCES if (references["initialisation"] == name).any()}
    ported = runs[runs["initialisation"] == FIRST]
    rows, sides = [], []
    for study, *key in ported[["study", *KEY]].drop_duplicates().itertuples(index=False, name=None):
        own = answers.need(tuple(key))
        others = [name for name in names if name != FIRST and (*key[:5], name, key[6]) in known]
        for baseline in [*others, *(name for name in REFERENCES if name in present)]:
            if (both := _sides(answers, key, own, baseline)) is not None:
                keys = dict(zip(KEY, key, strict=True)) | {"study": study, "baseline": baseline}
                rows.append(keys | {"win_rate": win_rate(*both)})
                sides.append(both)
    intervals = bootstrap.intervals([left - right for left, right in sides])
    rows = [row | differences(interval) for row, interval in zip(rows, intervals, strict=True)]
    table = pd.DataFrame(rows, columns=[column for column in TABLES["contrasts"] if column != "p_value_holm"])
    table["p_value_holm"] = holm(table["p_value"])
    return table[list(TABLES["contrasts"])]


def holm(p_values: pd.Series) -> np.ndarray:
    """p-values corrected by Holm's step-down method; shape as given."""
    if not len(p_values):
        return np.empty(0)
    return multipletests(p_values.to_numpy(dtype=float), method="holm")[1]


def _sides(answers: Correctness, key: list, own: Answers, baseline: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Answers of the ported modules and of the baseline, each (seeds, examples); None where one of them is missing."""
    technique, _, target_host, _, target_dataset, _, budget = key
    if baseline == "bare":
        bare = answers.bare(target_host, target_dataset)
        return bare and beside(own, bare)
    if baseline == "native":
        native = answers.native(technique, target_host, target_dataset)
        return native and paired(own, native)
    return paired(own, answers.need((*key[:5], baseline, budget)))


def win_rate(left: np.ndarray, right: np.ndarray) -> float:
    """Share of seeds in which the left has more right answers; ties count half. Both (seeds, examples)."""
    better = np.sign(left.sum(axis=1, dtype=float) - right.sum(axis=1, dtype=float))
    return float((better + 1).mean() / 2)


def differences(interval: Interval) -> dict[str, float]:
    """An interval as columns of a table."""
    return {
        "seeds": interval.seeds,
        "difference": interval.effect,
        "low": interval.low,
        "high": interval.high,
        "p_value": interval.p_value,
    }
