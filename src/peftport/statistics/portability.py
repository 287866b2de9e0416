"""The summary: what each cell reached at each budget, and how that reads against floor and ceiling."""

import numpy as np
import pandas as pd

from peftport.statistics.example_scores import KEY, ExampleScores, constant_is_right
from peftport.statistics.intervals import ends, estimate
from peftport.statistics.recovered_gap import recovered_gap
from peftport.statistics.steps_saved import StepsSaved, steps_saved
from peftport.storage.tables import TABLES

TARGET = ["study", "technique", "target_host", "target_dataset"]
MEANS = {
    "macro_f1_mean": "macro_f1",
    "calibrated_accuracy_mean": "calibrated_accuracy",
    "log_likelihood_mean": "choice_log_likelihood",
}
REFERRED = {
    "accuracy": "score",
    "calibrated_accuracy": "calibrated_accuracy",
    "log_likelihood": "choice_log_likelihood",
}
SCRATCH = "scratch"
UNCOUNTED = (SCRATCH, "distilled")  # steps saved are none, or would leave out those without labels


def portability(runs: pd.DataFrame, references: pd.DataFrame, predictions: pd.DataFrame, margin: float) -> pd.DataFrame:
    """One row per technique x transfer x dataset pair x initialisation x budget.

    Args:
        runs: table `runs`; runs that failed are counted and left out.
        references: table `references`: `bare` and `native` where the study has them.
        predictions: one row per run and test example, with the columns of the cell.
        margin: accuracies closer than this to native modules are at the ceiling, where no steps saved can be counted.

    Returns:
        Table `portability`.

    Raises:
        ValueError: a run has no predictions.
    """
    answers, likelihoods = ExampleScores(predictions), ExampleScores(predictions, "choice_log_likelihood")
    every, runs = runs, runs.dropna(subset="score")
    table = (
        runs.groupby(["study", *KEY], sort=False, observed=True)
        .agg(
            seeds=("seed", "nunique"),
            metric=("metric", "first"),
            accuracy_mean=("score", "mean"),
            accuracy_standard_deviation=("score", "std"),
            **{name: (column, "mean") for name, column in MEANS.items()},
        )
        .reset_index()
    )
    asked = every.groupby(["study", *KEY], observed=True)["seed"].nunique().rename("asked")
    table["failed_seeds"] = table.join(asked, on=asked.index.names)["asked"] - table["seeds"]
    keys = list(table[KEY].itertuples(index=False, name=None))
    for name, scores, bounds in (("accuracy", answers, (0, 1)), ("log_likelihood", likelihoods, (-np.inf, 0))):
        estimates = [ends(estimate(scores.need(key).values), *bounds) for key in keys]
        table[f"{name}_low"] = [low for _, low, _ in estimates]
        table[f"{name}_high"] = [high for *_, high in estimates]
    table = _with_references(table, references)
    table["majority_share"] = (
        table["target_dataset"].map(majority_share(predictions)).where(table["macro_f1_mean"].notna())
    )
    table = pd.concat([table, _gaps(keys, answers)], axis=1)
    table = pd.concat([table, _saved(table, keys, answers, margin)], axis=1)
    return table[list(TABLES["portability"])]


def majority_share(predictions: pd.DataFrame) -> dict[str, float]:
    """Target dataset to the share of its most frequent label in the test set: the accuracy of a constant answer.

    Answers that are an example's own have no constant one; nor has a dataset that is not scored by accuracy.
    """
    frames = predictions.groupby("target_dataset", sort=False, observed=True)
    return {dataset: float(constant_is_right(frame).mean()) for dataset, frame in frames}


def _with_references(table: pd.DataFrame, references: pd.DataFrame) -> pd.DataFrame:
    """Add the means of `bare` and `native`; null where the study has none."""
    bare = references[references["initialisation"] == "bare"]
    native = references[references["initialisation"] == "native"]
    for name, column in REFERRED.items():
        floor = bare.groupby(["study", "target_host", "target_dataset"], observed=True)[column].mean()
        ceiling = native.groupby(TARGET, observed=True)[column].mean()
        table = table.join(floor.rename(f"bare_{name}"), on=floor.index.names)
        table = table.join(ceiling.rename(f"native_{name}"), on=TARGET)
    return table


def _gaps(keys: list[tuple], answers: ExampleScores) -> pd.DataFrame:
    """The recovered gap of every cell with its interval, and the interval of the gap that it is divided by."""
    rows = []
    for key in keys:
        technique, _, host, _, _, dataset, *_ = key
        bare, native = answers.bare(host, dataset), answers.native(technique, host, dataset)
        recovered = recovered_gap(answers.need(key), bare, native) if bare and native else None
        ends = (
            (recovered.gap.low, recovered.gap.high, recovered.share, recovered.low, recovered.high)
            if recovered
            else [np.nan] * 5
        )
        rows.append(ends)
    columns = ["gap_low", "gap_high", "recovered_gap", "recovered_gap_low", "recovered_gap_high"]
    return pd.DataFrame(rows, columns=columns, dtype=float)


def _saved(table: pd.DataFrame, keys: list[tuple], answers: ExampleScores, margin: float) -> pd.DataFrame:
    """Steps saved by every cell but the uncounted ones; null where a cell or that from scratch is at the ceiling."""
    ceiling = table["native_accuracy"].fillna(1.0).to_numpy() - margin
    means, budgets = dict(zip(keys, table["accuracy_mean"], strict=True)), sorted(table["budget_steps"].unique())
    rows = []
    for key, level, top in zip(keys, table["accuracy_mean"], ceiling, strict=True):
        *route, start, budget = key
        curve = {step: other for step in budgets if (other := (*route, SCRATCH, step)) in means}
        at_top = level >= top or means.get((*route, SCRATCH, budget), 0.0) >= top
        saved = None
        if start not in UNCOUNTED and curve and not at_top:
            saved = steps_saved(answers.need(key), budget, {step: answers.need(other) for step, other in curve.items()})
        saved = saved or StepsSaved(np.nan, np.nan, np.nan)
        rows.append((saved.steps, saved.low, saved.high, at_top))
    columns = ["steps_saved", "steps_saved_low", "steps_saved_high", "at_ceiling"]
    return pd.DataFrame(rows, columns=columns)
