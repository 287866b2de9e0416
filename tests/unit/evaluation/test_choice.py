"""Of several learning rates the one that counts is the best by validation, at every budget, for each seed."""

import shutil

import numpy as np
import pandas as pd
import pytest

from peftport.evaluation.choice import Tested, Trial, chosen, tables_of_cell
from peftport.storage.parquet import read_table, write_table
from peftport.training.loop import Training
from tests import ground as stages
from tests.ground import TECHNIQUE, in_pieces, modules, prompts

BUDGETS, RATES = [0, 2, 5], [0.001, 0.05, 0.3]
LISTED = TECHNIQUE | {"learning_rate": [0.05, 0.3, 0.001]}


def trained(name, validated):
    """What a training gave, with texts in place of rows."""
    return Tested(
        scores=[f"{name}{place}" for place in range(len(validated))],
        answers=[f"answers {name}{place}" for place in range(len(validated))],
        validated=validated,
        curve=f"curve {name}",
    )


@pytest.mark.parametrize(
    ("low", "high", "rows"),
    [
        ([None, -1.0, -2.0], [None, -2.0, -1.0], ["low0", "low1", "high2"]),
        ([None, -1.0, -2.0], [None, -1.0, -2.0], ["low0", "low1", "low2"]),
        ([None, -3.0, None], [None, -9.0, -8.0], ["low0", "low1", "high2"]),
        ([None, None, None], [None, -1.0, None], ["low0", "high1", "low2"]),
    ],
)
def test_each_budget_chooses_for_itself(low, high, rows):
    both = {0.1: trained("low", low), 0.2: trained("high", high)}
    made = chosen(both, [0, 25, 100])
    assert made.scores == rows and made.answers == [f"answers {row}" for row in rows]
    assert made.curve == f"curve {rows[-1][:-1]}"


def test_one_rate_is_taken_as_it_is():
    one = trained("only", [None, None])
    assert chosen({0.1: one}, [5, 10]) == one


def test_seeds_choose_for_themselves():
    trials = [Trial(seed, None, rate) for seed in (0, 1, 2) for rate in (1, 2)]
    reached = dict(zip(trials, [-1.0, -2.0, -2.0, -1.0, -2.0, -1.5], strict=True))

    def result(trial):
        row = {"seed": trial.seed, "learning_rate": trial.rate}
        curve = pd.DataFrame({"learning_rate": [float(trial.rate)]})
        return Tested([row], [None], [reached[trial]], curve)

    tables = tables_of_cell({trial: result(trial) for trial in trials}, [5])
    assert tables["scores"]["seed"].tolist() == [0, 1, 2]
    assert tables["scores"]["learning_rate"].tolist() == tables["curve"]["learning_rate"].tolist() == [1, 2, 2]


@pytest.fixture(scope="module")
def skewed(ground, tmp_path_factory):
    """The ground of the target host, where every label of the validation split is ``negative``."""
    folder = tmp_path_factory.mktemp("skewed")
    shutil.copytree(ground / "prompts/instruct", folder / "prompts/instruct")
    shutil.copy(ground / "instruct.json", folder)
    path = prompts(folder, "instruct")["validation"]
    write_table(path, read_table(path, "prompts").assign(label="negative"), "prompts")
    return folder


def evaluate(folder, ground, technique=LISTED, seeds=(0, 1), **options):
    starts = {seed: modules(ground, "raw")[seed] for seed in seeds}
    return stages.evaluate(folder, "instruct", starts, BUDGETS, technique=technique, **options)


@pytest.fixture(scope="module")
def single(skewed, ground):
    """By rate: a cell with this rate alone, and the same tested on the validation split."""
    as_test = skewed.parent / f"{skewed.name}-as-test"
    shutil.copytree(skewed, as_test)
    shutil.copy(prompts(skewed, "instruct")["validation"], prompts(as_test, "instruct")["test"])
    cells = {}
    for rate in RATES:
        one = TECHNIQUE | {"learning_rate": rate}
        cells[rate] = evaluate(skewed, ground, one), evaluate(as_test, ground, one)["scores"]
    return cells


@pytest.fixture(scope="module")
def listed(skewed, ground):
    """The tables of a cell with all rates."""
    return evaluate(skewed, ground)


def expected(single, split="validation"):
    """The rate of every seed and budget above 0 that is best on a split, from the cells with one rate."""
    found = {}
    for rate, (cell, validation) in single.items():
        for row in (validation if split == "validation" else cell["scores"]).itertuples():
            if row.budget_steps:
                found.setdefault((row.seed, row.budget_steps), {})[rate] = row.choice_log_likelihood
    return {key: max(own, key=own.get) for key, own in found.items()}


def same(table, other):
    names = ["elapsed_seconds"]
    table, other = (one.drop(columns=names, errors="ignore").reset_index(drop=True) for one in (table, other))
    pd.testing.assert_frame_equal(table, other, check_exact=True)


def test_the_rate_that_is_best_by_validation_counts(listed, single):
    """Rows of scores, predictions and curves are to the bit those of cells with that rate alone."""
    tables, rates = listed, expected(single)
    scores = tables["scores"]
    assert scores.loc[scores["budget_steps"] == 0, "learning_rate"].isna().all()
    found = scores[scores["budget_steps"] > 0].set_index(["seed", "budget_steps"])["learning_rate"]
    assert found.to_dict() == rates
    assert rates != expected(single, "test")  # else the law would not tell validation from test
    for (seed, budget), rows in tables["predictions"].groupby(["seed", "budget_steps"]):
        alone = single[rates.get((seed, budget), RATES[0])][0]
        where = f"seed == {seed} and budget_steps == {budget}"
        same(rows, alone["predictions"].query(where))
        same(scores.query(where), alone["scores"].query(where))
    for seed in (0, 1):
        last = single[rates[seed, BUDGETS[-1]]][0]["curve"]
        same(tables["curve"].query("seed == @seed"), last.query("seed == @seed"))


def test_what_a_seed_takes_depends_on_no_other_and_not_on_the_order_of_the_list(skewed, ground, listed):
    technique = TECHNIQUE | {"learning_rate": LISTED["learning_rate"][::-1]}
    alone = evaluate(skewed, ground, technique, seeds=[1])
    for name, table in alone.items():
        same(listed[name].query("seed == 1"), table)


def test_with_one_rate_nothing_is_validated(ground, tmp_path, single):
    """Neither read nor computed."""
    shutil.copytree(ground / "prompts/instruct", tmp_path / "prompts/instruct")
    shutil.copy(ground / "instruct.json", tmp_path)
    prompts(tmp_path, "instruct")["validation"].unlink()
    tables = evaluate(tmp_path, ground, TECHNIQUE | {"learning_rate": [RATES[0]]})
    same(tables["scores"], single[RATES[0]][0]["scores"])
    with pytest.raises(FileNotFoundError):
        evaluate(tmp_path, ground)


def failing(monkeypatch, rates, step):
    """From this step on the loss is no number with these rates."""
    next_loss = Training._next_loss
    monkeypatch.setattr(
        Training,
        "_next_loss",
        lambda run: next_loss(run) * (np.nan if run.step >= step - 1 and run.recipe.learning_rate in rates else 1.0),
    )


def test_a_rate_that_failed_is_not_taken_if_another_did_not(skewed, ground, monkeypatch, single):
    best = expected(single)[0, 5]
    failing(monkeypatch, {best}, 4)
    scores = evaluate(skewed, ground, seeds=[0])["scores"].set_index("budget_steps")
    assert scores["failed_at_step"].isna().all() and scores["accuracy"].notna().all()
    assert scores["learning_rate"][5] != best
    assert scores["learning_rate"][2] == expected(single)[0, 2]


def test_where_every_rate_failed_the_run_has_failed(skewed, ground, monkeypatch):
    failing(monkeypatch, set(RATES), 4)
    tables = evaluate(skewed, ground, seeds=[0])
    scores = tables["scores"].set_index("budget_steps")
    assert scores["failed_at_step"].isna().tolist() == [True, True, False]
    assert scores["failed_at_step"][5] == 4 and scores["learning_rate"][5] == RATES[0]
    assert set(tables["predictions"]["budget_steps"]) == {0, 2}


@pytest.mark.slow
def test_stopped_anywhere_it_goes_on_to_the_same(skewed, ground, listed, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    pieces, times = in_pieces(path, 5, lambda one: evaluate(skewed, ground, checkpoint=one))
    assert times > 6
    for name, table in listed.items():
        same(pieces[name], table)
