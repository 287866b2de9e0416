"""The summary: what each cell reached at each budget, and how that reads against floor and ceiling."""

import numpy as np
import pandas as pd

from peftport.statistics.correctness import KEY, Correctness
from peftport.statistics.intervals import DRAWS, Bootstrap
from peftport.tables import TABLES

SMALLEST_GAP = 0.03  # native - bare below this is too small to divide by
PLACE = ["study", "technique", "target_host", "target_dataset"]
ROUTE = ["study", "technique", "source_host", "target_host", "source_dataset", "target_dataset"]


def portability(
    runs: pd.DataFrame, references: pd.DataFrame, predictions: pd.DataFrame, draws: int = DRAWS, seed: int = 0
) -> pd.DataFrame:
    """One row per technique x transfer x dataset pair x initialisation x budget.

    Args:
        runs: table `runs`; runs that failed are counted and left out.
        references: table `references`: `bare` and `native` where the study has them.
        predictions: one row per run and test example, with the columns of the cell.
        draws: bootstrap draws for the intervals.
        seed: seed of the draws.

    Returns:
        Table `portability`.

    Raises:
        ValueError: a run has no predictions.
    """
    answers, bootstrap = Correctness(predictions), Bootstrap(draws, seed)
    every, runs = runs, runs.dropna(subset="accuracy")
    table = (
        runs.groupby(["study", *KEY], sort=False, observed=True)
        .agg(
            seeds=("seed", "nunique"),
            accuracy_mean=("accuracy", "mean"),
            accuracy_standard_deviation=("accuracy", "std"),
            macro_f1_mean=("macro_f1", "mean"),
        )
        .reset_index()
    )
    asked = every.groupby(["study", *KEY], observed=True)["seed"].nunique().rename("asked")
    table["failed_seeds"] = table.join(asked, on=asked.index.names)["asked"] - table["seeds"]
    intervals = bootstrap.intervals([answers.need(key).values for key in table[KEY].itertuples(index=False, name=None)])
    table["accuracy_low"] = [max(0.0, interval.low) for interval in intervals]
    table["accuracy_high"] = [interval.high for interval in intervals]
    table = _with_references(table, references)
    gap = table["native_accuracy"] - table["bare_accuracy"]
    lift = table["accuracy_mean"] - table["bare_accuracy"]
    table["recovered_gap"] = (lift / gap).where(gap >= SMALLEST_GAP - 1e-12)
    table["steps_saved"] = _steps_saved(table)
    return table[list(TABLES["portability"])]


def _with_references(table: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """Add the mean accuracies of `bare` and `native`; null where the study has none."""
    bare = references[references["initialisation"] == "bare"]
    native = references[references["initialisation"] == "native"]
    floor = bare.groupby(["study", "target_host", "target_dataset"], observed=True)["accuracy"].mean()
    ceiling = native.groupby(PLACE, observed=True)["accuracy"].mean()
    table = table.join(floor.rename("bare_accuracy"), on=floor.index.names)
    return table.join(ceiling.rename("native_accuracy"), on=PLACE)


def _steps_saved(table: pd.DataFrame) -> pd.Series:
    """First budget at which scratch's mean reaches this row's mean, less this row's budget.

    ASSUME only the budgets tested are known: nothing is interpolated. Null for scratch itself, where scratch was not
    run, and where it never gets there.
    """
    saved = pd.Series(np.nan, index=table.index, dtype=float)
    for _, route in table.groupby(ROUTE, sort=False, observed=True):
        scratch = route[route["initialisation"] == "scratch"].sort_values("budget_steps")
        for index, row in route[route["initialisation"] != "scratch"].iterrows():
            reached = scratch.loc[scratch["accuracy_mean"] >= row["accuracy_mean"] - 1e-12, "budget_steps"]
            if len(reached):
                saved[index] = reached.iloc[0] - row["budget_steps"]
    return saved
