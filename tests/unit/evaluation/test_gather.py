"""One row per run, exactly the grid: scratch is computed once per target and counted under every transfer."""

import pandas as pd
import pytest

from peftport.evaluation.gather import KEYS, gather_predictions, gather_runs, names
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.storage.parquet import write_table
from peftport.storage.tables import CELL, TABLES
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings

GRID = {
    "techniques": ["lora", "ia3"],
    "transfers": [{"source": "a", "target": "c"}, {"source": "b", "target": "c"}],
    "dataset_pairs": [{"source": "film", "target": "film"}, {"source": "book", "target": "film"}],
    "initialisations": ["ported", "scratch"],
    "budgets": [0, 5],
    "seeds": [[0, 1], [2]],
    "references": ["bare", "native"],
}


def folder(results, cell):
    """Where the tables of a cell lie."""
    return results / EvaluateCell(**vars(cell)).FOLDER.format(**vars(cell))


def files(study, results, name="scores"):
    return [folder(results, cell) / f"{name}.parquet" for cell in study.cells]


@pytest.fixture
def study():
    return Grid("small", GridSettings.model_validate(GRID))


@pytest.fixture
def results(study, tmp_path):
    """Scores of every cell; each accuracy is a number of its own."""
    for number, cell in enumerate(study.cells):
        budgets = [0] if cell.is_reference else GRID["budgets"]
        rows = [
            names(cell)
            | {"budget_steps": budget, "seed": seed, "accuracy": number / 1000 + budget / 100 + seed / 10}
            | {"macro_f1": 0.5, "loss": 1.0, "test_examples": 2, "generated_accuracy": None, "invalid_rate": None}
            | {"failed_at_step": None, "learning_rate": None}
            | {"choice_log_likelihood": -0.5, "calibrated_accuracy": None}
            | {"device": "cpu", "dtype": "float32", "kernels": "AVX2", "threads": 1}
            for seed in study.seeds_of(cell.block)
            for budget in budgets
        ]
        write_table(folder(tmp_path, cell) / "scores.parquet", pd.DataFrame(rows), "scores")
        answers = [
            {"budget_steps": row["budget_steps"], "seed": row["seed"], "example_id": name, "label": "x"}
            | {"prediction": "x", "correct": True, "log_likelihood": -1.0, "generated": None}
            | {"choice_log_likelihood": -0.5, "calibrated_correct": None}
            for row in rows
            for name in ("one", "two")
        ]
        write_table(folder(tmp_path, cell) / "predictions.parquet", pd.DataFrame(answers), "predictions")
    return tmp_path


def test_there_is_one_row_per_run(study, results):
    runs, _ = gather_runs(study, files(study, results))
    assert len(runs) == 2 * 2 * 2 * 2 * 2 * 3 == study.runs
    assert list(runs) == list(TABLES["runs"])
    assert not runs.duplicated(KEYS).any()
    assert set(runs["study"]) == {"small"}
    for column in (*CELL, "budget_steps", "seed"):
        assert "any" not in set(runs[column])


def test_scratch_counts_under_every_transfer_and_pair(study, results):
    runs, _ = gather_runs(study, files(study, results))
    scratch = runs.query("initialisation == 'scratch'").groupby(["technique", "budget_steps", "seed"])["accuracy"]
    assert (scratch.nunique() == 1).all() and (scratch.size() == 2 * 2).all()
    ported = runs.query("initialisation == 'ported'").groupby(["technique", "budget_steps", "seed"])["accuracy"]
    assert (ported.nunique() == 2 * 2).all()


def test_every_row_is_its_cells(study, results):
    runs, references = gather_runs(study, files(study, results))
    for number, cell in enumerate(study.cells):
        table = references if cell.is_reference else runs
        rows = table
        for column, value in names(cell).items():
            if value != "any" or cell.is_reference:
                rows = rows[rows[column] == value]
        rows = rows[rows["seed"].isin(study.seeds_of(cell.block))]
        expected = number / 1000 + rows["budget_steps"] / 100 + rows["seed"] / 10
        assert len(rows) and rows["accuracy"].tolist() == pytest.approx(expected.tolist())


def test_references_are_apart(study, results):
    _, references = gather_runs(study, files(study, results))
    assert list(references) == list(TABLES["references"])
    counts = references.groupby(["initialisation", "technique"]).size().to_dict()
    assert counts == {("bare", "none"): 1, ("native", "ia3"): 3, ("native", "lora"): 3}


def test_a_study_without_references(results):
    alone = Grid("small", GridSettings.model_validate(GRID | {"references": []}))
    _, references = gather_runs(alone, files(alone, results))
    assert references.empty and list(references) == list(TABLES["references"])


def edit(study, results, change):
    path = folder(results, study.cells[0]) / "scores.parquet"
    write_table(path, change(pd.read_parquet(path)), "scores")


def test_runs_that_failed_are_rows_without_scores(study, results, tmp_path):
    cell = next(cell for cell in study.cells if not cell.is_reference and cell.initialisation == "ported")
    path = folder(results, cell)
    scores, answers = (pd.read_parquet(path / f"{name}.parquet") for name in ("scores", "predictions"))
    broken = (scores["seed"] == 1) & (scores["budget_steps"] == 5)
    scores.loc[broken, ["accuracy", "macro_f1", "loss"]] = None
    scores["failed_at_step"] = [4 if failed else None for failed in broken]
    write_table(path / "scores.parquet", scores, "scores")
    write_table(path / "predictions.parquet", answers.query("seed != 1 or budget_steps != 5"), "predictions")
    runs, references = gather_runs(study, files(study, results))
    assert len(runs) == study.runs
    (failed,) = runs.dropna(subset="failed_at_step").to_dict("records")
    assert (failed["failed_at_step"], failed["seed"], failed["budget_steps"]) == (4, 1, 5)
    assert runs["accuracy"].isna().sum() == 1
    assert len(gather_predictions(study, files(study, results, "predictions"))) > 0
    for name, table in (("runs", runs), ("references", references)):
        write_table(tmp_path / f"{name}.parquet", table, name)


def test_missing_runs_are_an_error(study, results):
    edit(study, results, lambda scores: scores.iloc[1:])
    with pytest.raises(ValueError, match=f"runs: {study.runs - 1} rows, 0 twice; expected {study.runs}"):
        gather_runs(study, files(study, results))


def test_runs_that_are_there_twice_are_an_error(study, results):
    edit(study, results, lambda scores: pd.concat([scores.iloc[1:], scores.iloc[1:2]]))
    with pytest.raises(ValueError, match=f"runs: {study.runs} rows, 1 twice"):
        gather_runs(study, files(study, results))


def test_predictions_carry_the_names_of_their_cells(study, results):
    predictions = gather_predictions(study, files(study, results, "predictions"))
    computed = sum(len(study.seeds_of(c.block)) * (1 if c.is_reference else 2) for c in study.cells)
    assert len(predictions) == 2 * computed
    assert set(CELL) <= set(predictions)
    assert "any" in set(predictions.query("initialisation == 'scratch'")["source_host"])
