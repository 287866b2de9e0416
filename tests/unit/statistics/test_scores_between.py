"""Scores between 0 and 1 that are neither right nor wrong: intervals of rows unlike each other, and the tables."""

import numpy as np
import pandas as pd
import pytest

from peftport.report.numbers import further_scores
from peftport.report.verdict import verdict
from peftport.statistics.example_scores import Answers
from peftport.statistics.intervals import estimate
from peftport.statistics.recovered_gap import recovered_gap
from peftport.storage.parquet import read_table, write_table
from tests.simulated import Design, Study, described, statistics, study

SEEDS, EXAMPLES, DRAWS = 5, 50, 300
MOST_MISSED = 0.1  # of 5%: four standard errors of a share of 300 draws
RUN = ["target_dataset", "initialisation", "budget_steps", "seed"]

# what differs between rows: spread of seeds, of examples, of single answers, and the share of answers that are 0
UNLIKE = {
    "examples differ": (0.0, 0.25, 0.05, 0.0),
    "seeds differ": (0.06, 0.05, 0.05, 0.0),
    "answers differ": (0.01, 0.02, 0.25, 0.0),
    "often nothing": (0.03, 0.05, 0.1, 0.6),
}


def scores(kind, mean, random):
    """A matrix (seeds, examples) of scores between 0 and 1, and their true mean: every part is uniform around 0."""
    seed, example, answer, nothing = UNLIKE[kind]
    values = (
        mean
        + seed * random.uniform(-1, 1, (SEEDS, 1))
        + example * random.uniform(-1, 1, (1, EXAMPLES))
        + answer * random.uniform(-1, 1, (SEEDS, EXAMPLES))
    )
    values *= random.random((SEEDS, EXAMPLES)) >= nothing
    assert values.min() >= 0 and values.max() <= 1
    return values.astype(np.float32), mean * (1 - nothing)


@pytest.mark.parametrize("kind", UNLIKE)
def test_intervals_of_a_mean_hold_row_by_row(kind):
    random, missed = np.random.default_rng(0), 0
    for _ in range(DRAWS):
        values, truth = scores(kind, 0.45, random)
        part = estimate(values)
        missed += not part.low <= truth <= part.high
    assert missed / DRAWS <= MOST_MISSED


@pytest.mark.parametrize(("left", "right"), [("examples differ", "often nothing"), ("seeds differ", "answers differ")])
def test_intervals_of_a_difference_hold_between_unlike_rows(left, right):
    random, missed = np.random.default_rng(1), 0
    for _ in range(DRAWS):
        (one, its_mean), (other, their_mean) = scores(left, 0.45, random), scores(right, 0.45, random)
        part = estimate(one - other)
        missed += not part.low <= its_mean - their_mean <= part.high
    assert missed / DRAWS <= MOST_MISSED


def test_the_recovered_gap_of_such_scores_holds():
    random, missed, given, seeds = np.random.default_rng(2), 0, 0, np.arange(SEEDS)
    for _ in range(60):
        (native, ceiling), (cell, reached) = scores("seeds differ", 0.7, random), scores("examples differ", 0.5, random)
        # the bare host has one seed: that its answers would differ by seed is no part of the gap
        bare, floor = np.full((1, EXAMPLES), 0.2, np.float32), 0.2
        told = recovered_gap(Answers(seeds, cell), Answers(seeds[:1], bare), Answers(seeds, native))
        if not np.isnan(told.share):
            given += 1
            missed += not told.low <= (reached - floor) / (ceiling - floor) <= told.high
    assert given > 50 and missed <= 9  # of 5%, four standard errors


def mixed():
    """A study of choosing and writing: the scores of the second dataset lie between 0 and 1."""
    pairs = (("codah", "codah"), ("e2e", "e2e"))
    made = study(Design(("lora",), (("raw", "instruct"),), pairs, examples=60))
    answers, part = made.predictions, np.random.default_rng(0).uniform(0, 1, len(made.predictions))
    written = answers["target_dataset"] == "e2e"
    answers = answers.assign(
        score=answers["score"].where(~written, (answers["score"] + part) / 2),
        choice_log_likelihood=answers["choice_log_likelihood"].mask(written),
    )
    means, frames = answers.groupby(RUN, observed=True)["score"].mean(), []
    for frame in (made.runs, made.references):
        written = frame["target_dataset"] == "e2e"
        score = means.reindex(pd.MultiIndex.from_frame(frame[RUN])).to_numpy(dtype=float)
        empty = ["accuracy", "macro_f1", "calibrated_accuracy", "choice_log_likelihood"]
        metrics = np.where(written, "rouge_l", "accuracy_normalised")
        frame = frame.assign(**{name: frame[name].mask(written) for name in empty}, score=score, metric=metrics)
        frames.append(frame.assign(rouge_l=frame["score"].where(written), invalid_rate=0.25))
    return Study(*frames, answers)


def test_one_study_one_table_whatever_the_kinds(tmp_path):
    made = mixed()
    tables = statistics(made)
    for name, table in tables.items():
        if name not in ("runs", "references", "predictions"):
            write_table(tmp_path / f"{name}.parquet", table, name)
            assert set(read_table(tmp_path / f"{name}.parquet", name)["metric"]) <= {"rouge_l", "accuracy_normalised"}
    rows = tables["portability"].set_index("target_dataset")
    assert set(rows.loc["e2e", "metric"]) == {"rouge_l"} and set(rows.loc["codah", "metric"]) == {"accuracy_normalised"}
    for column in ("log_likelihood_mean", "log_likelihood_low", "log_likelihood_high", "macro_f1_mean"):
        assert rows.loc["e2e", column].isna().all() and rows.loc["codah", column].notna().all(), column
    assert rows["accuracy_low"].between(0, 1).all() and rows.loc["e2e", "recovered_gap"].notna().any()
    assert tables["contrasts"].query("target_dataset == 'e2e'")["log_likelihood_low"].isna().all()
    assert len(tables["carried"]) and len(tables["advice"])
    said = described(made, tables["portability"])
    assert said["ported_accuracy"].isna().all() and said["recovered_gap"].notna().all()  # no mean over unlike scores


def test_the_report_names_every_score():
    made = mixed()
    told = verdict(statistics(made) | {"runs": made.runs})
    text = " ".join([*told.answer, *(sentence for _, part in told.techniques for sentence in part), *told.across])
    assert "Score by score, ported modules are by normalised accuracy (codah) ahead in" in text
    assert "by ROUGE-L (e2e)" in text and "ROUGE-L 0." in text
    assert "nan" not in text and "accuracy above the bare" not in text
    grid = further_scores(made.runs)
    assert grid.heads[3:] == ["accuracy", "ROUGE-L", "empty or without end"]
    assert {row[1] for row in grid.rows} == {"codah", "e2e"}
