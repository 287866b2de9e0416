"""The tables of numbers on the page: frames in, rows of text out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from peftport.figures.style import label, metric_name, place, score_name, signed, techniques_of, title, transfer
from peftport.report.phrases import MINUS, capital, moment, nats, percent, shares, unbroken
from peftport.report.recommendation import way
from peftport.statistics.families import ALPHA
from peftport.storage.provenance import JsonObject

ROUTE = ["source_host", "target_host", "map", "source_dataset", "target_dataset"]
NONE = "\N{EN DASH}"
FURTHER = ("accuracy", "accuracy_normalised", "exact_match", "number_match", "token_f1", "rouge_l")  # of table `runs`


@dataclass(frozen=True)
class Grid:
    """A table of text: heads, rows, and how many columns on the left are words."""

    heads: list[str]
    rows: list[list[str]]
    words: int


def accuracies(summary: pd.DataFrame) -> Grid:
    """The score with its interval: a row per cell, a column per budget."""
    budgets = sorted(summary["budget_steps"].unique())
    pairs, named = len(summary[ROUTE[3:]].drop_duplicates()) > 1, score_name(summary) == "score"
    heads = [*_places(pairs), *(["score"] if named else []), "start"]
    heads += [f"{budget:,} steps" if budget else "zero-shot" for budget in budgets]
    unequal = summary["seeds"].nunique() > 1
    heads += ["recovered gap", "bare", "native", *(["seeds"] if unequal else [])]
    rows = []
    for technique in techniques_of(summary):
        of_technique = summary[summary["technique"] == technique]
        for route, group in of_technique.groupby(ROUTE, sort=False, observed=True):
            for start in sorted(group["initialisation"].unique(), key=place):
                cell = group[group["initialisation"] == start].set_index("budget_steps")
                first = cell.loc[cell.index.min()]
                row = [*_place(technique, route, pairs), *([score_name(group)] if named else []), label(start)]
                row += [*(_accuracy(cell, budget) for budget in budgets), _gap(first)]
                row += [_or_none(first[f"{name}_accuracy"], _share) for name in ("bare", "native")]
                rows.append([*row, *([f"{int(cell['seeds'].max())}"] if unequal else [])])
    return Grid(heads, rows, 3 + pairs + named)


def _accuracy(cell: pd.DataFrame, budget: int) -> str:
    """Mean and interval, or a dash where this budget was not run."""
    if budget not in cell.index:
        return NONE
    row = cell.loc[budget]
    return f"{row['accuracy_mean']:.3f}\n[{row['accuracy_low']:.2f}, {row['accuracy_high']:.2f}]"


def _gap(row: pd.Series) -> str:
    """The recovered gap with its interval, or a dash."""
    ends = row[["recovered_gap", "recovered_gap_low", "recovered_gap_high"]]
    return NONE if pd.isna(ends.iloc[0]) else shares(*ends)


def second_yardstick(summary: pd.DataFrame) -> Grid:
    """Log-likelihood of the right answer and calibrated accuracy, at the smallest and the largest budget."""
    budgets = sorted(summary["budget_steps"].unique())
    budgets = budgets[:1] + budgets[1:][-1:]
    summary = summary[summary["log_likelihood_mean"].notna()]
    pairs = len(summary[ROUTE[3:]].drop_duplicates()) > 1
    heads = [*_places(pairs), "start"]
    for budget in budgets:
        heads += [f"log-likelihood, {moment(int(budget))}", f"calibrated accuracy, {moment(int(budget))}"]
    heads += [f"{name}: {score}" for name in ("bare", "native") for score in ("log-likelihood", "calibrated accuracy")]
    rows = []
    for technique in techniques_of(summary):
        of_technique = summary[summary["technique"] == technique]
        for (*route, start), cell in of_technique.groupby([*ROUTE, "initialisation"], sort=False, observed=True):
            row = [*_place(technique, route, pairs), label(start)]
            for budget in budgets:
                scores = cell[cell["budget_steps"] == budget]
                row += _yardstick(scores.iloc[0]) if len(scores) else [NONE, NONE]
            first = cell.iloc[0]
            for name in ("bare", "native"):
                row += [
                    _or_none(first[f"{name}_log_likelihood"], nats),
                    _or_none(first[f"{name}_calibrated_accuracy"], _share),
                ]
            rows.append(row)
    return Grid(heads, rows, 3 + pairs)


def _yardstick(row: pd.Series) -> list[str]:
    ends = f"[{nats(row['log_likelihood_low'])}, {nats(row['log_likelihood_high'])}]"
    return [f"{nats(row['log_likelihood_mean'])}\n{ends}", _or_none(row["calibrated_accuracy_mean"], _share)]


def _share(value: float) -> str:
    return f"{value:.3f}"


def ways(advice: pd.DataFrame) -> Grid:
    """Every way of every move: its accuracy, its cost, what is said of it."""
    pairs = len(advice[ROUTE[3:]].drop_duplicates()) > 1
    heads = [*_places(pairs), "way", "said of it", "steps"]
    heads += [score_name(advice), "95% interval", "less native, points"]
    rows = []
    for technique in techniques_of(advice):
        for _, row in advice[advice["technique"] == technique].iterrows():
            words = _place(technique, row[ROUTE], pairs)
            said = [name.replace("_", " ") for name in ("advised", "good_enough", "ruled_out") if row[name]]
            numbers = [f"{row['steps']:,}", f"{row['accuracy']:.3f}", f"{row['low']:.3f} to {row['high']:.3f}"]
            numbers += [_or_none(row["native_difference"], signed)]
            rows.append([*words, way(row), ", ".join(said) or NONE, *numbers])
    return Grid(heads, rows, 4 + pairs)


def rates(runs: pd.DataFrame) -> Grid | None:
    """Which learning rate validation chose, where there was a choice: how many seeds took each; else None."""
    if "learning_rate" not in runs:
        return None
    chosen = runs.dropna(subset="learning_rate")
    if chosen.groupby("technique", observed=True)["learning_rate"].nunique().max() in (0, 1) or chosen.empty:
        return None
    rows = []
    for technique in techniques_of(chosen):
        of_technique = chosen[chosen["technique"] == technique]
        for (start, budget), cell in of_technique.groupby(
            ["initialisation", "budget_steps"], sort=False, observed=True
        ):
            told = ", ".join(f"{rate:g} ({number})" for rate, number in cell["learning_rate"].value_counts().items())
            rows.append([title(technique), label(start), capital(moment(int(budget))), told])
    return Grid(["technique", "start", "at", "learning rates (runs)"], rows, 4)


def differences(contrasts: pd.DataFrame) -> Grid:
    """Every paired comparison, one row each."""
    pairs = len(contrasts[ROUTE[3:]].drop_duplicates()) > 1
    several = contrasts["initialisation"].nunique() > 1
    heads = [*_places(pairs), "first less second" if several else "ported less", "steps", "difference, points"]
    heads += ["95% interval", "p after Holm", "win rate", "log-likelihood, nats", "seeds"]
    rows = []
    for technique in techniques_of(contrasts):
        for row in contrasts[contrasts["technique"] == technique].itertuples():
            words = _place(technique, [getattr(row, column) for column in ROUTE], pairs)
            mark = "*" if row.p_value_holm < ALPHA else ""
            p_value = "under 0.001" if row.p_value_holm < 0.001 else f"{row.p_value_holm:.3f}"
            numbers = [f"{row.budget_steps:,}", f"{signed(row.difference)}{mark}"]
            ends = f"[{nats(row.log_likelihood_low)}, {nats(row.log_likelihood_high)}]"
            likelihood = _or_none(row.log_likelihood_difference, lambda value, ends=ends: f"{nats(value)} {ends}")
            numbers += [f"{signed(row.low)} to {signed(row.high)}", p_value, percent(row.win_rate), likelihood]
            numbers += [f"{row.seeds}"]
            compared = f"{label(row.initialisation)} less {label(row.baseline)}" if several else label(row.baseline)
            rows.append([*words, compared, *numbers])
    return Grid(heads, rows, 3 + pairs)


def failures(runs: pd.DataFrame) -> Grid | None:
    """Every run that failed, one row each; None where none did."""
    if "failed_at_step" not in runs or (failed := runs.dropna(subset="failed_at_step")).empty:
        return None
    heads = ["technique", "transfer", "datasets", "start", "seed", "failed at step", "without a score"]
    rows = []
    for technique in techniques_of(failed):
        runs_of_seeds = failed[failed["technique"] == technique].groupby([*ROUTE, "initialisation", "seed"], sort=False)
        for (*route, start, seed), run in runs_of_seeds:
            budgets = ", ".join(moment(int(budget)) for budget in sorted(run["budget_steps"]))
            words = [*_place(technique, route, True), label(start)]
            rows.append([*words, f"{seed}", f"{int(run['failed_at_step'].min()):,}", budgets])
    return Grid(heads, rows, 4)


def generated(runs: pd.DataFrame) -> Grid | None:
    """Free generation at the smallest budget, by technique and initialisation; None unless the study generates."""
    if "generated_accuracy" not in runs or runs["generated_accuracy"].isna().all():
        return None
    start = runs[runs["budget_steps"] == runs["budget_steps"].min()]
    heads = ["technique", "start", "accuracy by likelihood", "accuracy by generation", "no valid label"]
    rows = []
    for technique in techniques_of(start):
        means = start[start["technique"] == technique].groupby("initialisation", observed=True)
        values = means[["accuracy", "generated_accuracy", "invalid_rate"]].mean()
        for name in sorted(values.index, key=place):
            row = values.loc[name]
            numbers = [f"{row['accuracy']:.3f}", f"{row['generated_accuracy']:.3f}", percent(row["invalid_rate"])]
            rows.append([title(technique), label(name), *numbers])
    return Grid(heads, rows, 2)


def further_scores(runs: pd.DataFrame) -> Grid | None:
    """All scores of choices and written answers at the smallest budget; None where there are only label words."""
    if "metric" not in runs or (own := runs[runs["metric"] != "accuracy"]).empty:
        return None
    start = own[own["budget_steps"] == own["budget_steps"].min()]
    names = [name for name in (*FURTHER, "invalid_rate") if name in start and start[name].notna().any()]
    if not names:
        return None
    rows = []
    for technique in techniques_of(start):
        means = start[start["technique"] == technique].groupby(["target_dataset", "initialisation"], observed=True)
        values = means[names].mean()
        for dataset, name in sorted(values.index, key=lambda key: (key[0], place(key[1]))):
            numbers = [_or_none(value, _share) for value in values.loc[dataset, name]]
            rows.append([title(technique), dataset, label(name), *numbers])
    heads = [metric_name(name) if name != "invalid_rate" else "empty or without end" for name in names]
    return Grid(["technique", "dataset", "start", *heads], rows, 3)


def overlaps(overlap: pd.DataFrame) -> Grid:
    """The leak audit: shared texts between splits."""
    heads = ["of", "also in", "examples", "same text", "same after normalisation", "share"]
    rows = []
    for row in overlap.itertuples():
        share = row.normalised / row.left_examples if row.left_examples else 0.0
        numbers = [f"{row.left_examples:,}", f"{row.exact:,}", f"{row.normalised:,}", f"{100 * share:.1f}%"]
        left, right = f"{row.left_dataset} {row.left_split}", f"{row.right_dataset} {row.right_split}"
        rows.append([left, right, *numbers])
    return Grid(heads, rows, 2)


def facts(things: dict[str, JsonObject]) -> Grid:
    """Named things with their facts, one row each: hosts, datasets."""
    keys = list(dict.fromkeys(key for values in things.values() for key in values))
    rows = [[name, *(written(values.get(key)) for key in keys)] for name, values in things.items()]
    return Grid(["name", *(key.replace("_", " ") for key in keys)], rows, 1 + len(keys))


def written(value: Any) -> str:
    """A fact as text."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", MINUS)
    if isinstance(value, float):
        return f"{value:,.4g}".replace("-", MINUS)
    if isinstance(value, list | tuple):
        return ", ".join(written(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {written(item)}" for key, item in value.items())
    return str(value)


def _places(pairs: bool) -> list[str]:
    """Heads of the columns that say where a module went; ``pairs``: whether dataset pairs are told as well."""
    return ["technique", "transfer", *(["datasets"] if pairs else [])]


def _place(technique: str, route: Sequence[str], pairs: bool) -> list[str]:
    """Their cells; ``route`` has the hosts, the map and the datasets."""
    source, target, carried, learned, tested = route
    return [
        title(technique),
        unbroken(transfer(source, target, carried)),
        *([unbroken(transfer(learned, tested))] if pairs else []),
    ]


def _or_none(value: float, show: Any) -> str:
    """A number as ``show`` writes it, or a dash."""
    return NONE if pd.isna(value) else show(value)
