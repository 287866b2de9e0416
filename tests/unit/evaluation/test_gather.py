"""One row per run, exactly the grid: scratch is computed once per target and counted under every transfer."""

import shutil

import pandas as pd
import pytest

from peftport.evaluation.gather import KEYS, gather_predictions, gather_runs, names
from peftport.evaluation.score import MERGED
from peftport.stages.compute_statistics import ComputeStatistics
from peftport.stages.describe_techniques import DescribeTechniques
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.gather_runs import GatherRuns
from peftport.storage.files import DamagedFile
from peftport.storage.parquet import write_table
from peftport.storage.tables import CELL, TABLES
from peftport.study.config import read_settings
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings
from peftport.study.study import Study
from tests.unit.study.test_hybrids import config as two_techniques

EXAMPLES = 1000
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


def tables(study, results):
    """What runs are gathered from."""
    return study, files(study, results), files(study, results, "predictions")


@pytest.fixture(scope="module")
def study():
    return Grid("small", GridSettings.model_validate(GRID))


@pytest.fixture
def results(scored, tmp_path):
    """A copy of the scores, to change."""
    return shutil.copytree(scored, tmp_path / "results")


@pytest.fixture(scope="module")
def scored(study, tmp_path_factory):
    """Scores of every cell; each accuracy is a number of its own."""
    tmp_path = tmp_path_factory.mktemp("scored")
    for number, cell in enumerate(study.cells):
        budgets = [0] if cell.is_reference else GRID["budgets"]
        rows = [
            names(cell)
            | {
                "budget_steps": budget,
                "seed": seed,
                **dict.fromkeys(("accuracy", "score"), number / 1000 + budget / 100 + seed / 10),
            }
            | {"macro_f1": 0.5, "loss": 1.0, "test_examples": EXAMPLES, "failed_at_step": None, "learning_rate": None}
            | {"generated_accuracy": None, "invalid_rate": None, "metric": "accuracy"}
            | dict.fromkeys(("accuracy_normalised", "exact_match", "number_match", "token_f1", "rouge_l"))
            | {"choice_log_likelihood": -0.5, "calibrated_accuracy": None, **dict.fromkeys(MERGED)}
            | {"device": "cpu", "dtype": "float32", "kernels": "AVX2", "threads": 1}
            for seed in study.seeds_of(cell.block)
            for budget in budgets
        ]
        write_table(folder(tmp_path, cell) / "scores.parquet", pd.DataFrame(rows), "scores")
        answers = [
            {"budget_steps": row["budget_steps"], "seed": row["seed"], "example_id": str(example), "label": "x"}
            | {"prediction": "x" if example < right else "y", "correct": example < right, "log_likelihood": -1.0}
            | {"score": float(example < right)}
            | {"generated": None, "choice_log_likelihood": -0.5, "calibrated_correct": None}
            for row in rows
            for right in [round(row["accuracy"] * EXAMPLES)]
            for example in range(EXAMPLES)
        ]
        write_table(folder(tmp_path, cell) / "predictions.parquet", pd.DataFrame(answers), "predictions")
    return tmp_path


def test_there_is_one_row_per_run(study, results):
    runs, _ = gather_runs(*tables(study, results))
    assert len(runs) == 2 * 2 * 2 * 2 * 2 * 3 == study.runs
    assert list(runs) == list(TABLES["runs"])
    assert not runs.duplicated(KEYS).any()
    assert set(runs["study"]) == {"small"}
    for column in (*CELL, "budget_steps", "seed"):
        assert "any" not in set(runs[column])


def test_scratch_counts_under_every_transfer_and_pair(study, results):
    runs, _ = gather_runs(*tables(study, results))
    scratch = runs.query("initialisation == 'scratch'").groupby(["technique", "budget_steps", "seed"])["accuracy"]
    assert (scratch.nunique() == 1).all() and (scratch.size() == 2 * 2).all()
    ported = runs.query("initialisation == 'ported'").groupby(["technique", "budget_steps", "seed"])["accuracy"]
    assert (ported.nunique() == 2 * 2).all()


def test_every_row_is_its_cells(study, results):
    runs, references = gather_runs(*tables(study, results))
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
    _, references = gather_runs(*tables(study, results))
    assert list(references) == list(TABLES["references"])
    counts = references.groupby(["initialisation", "technique"]).size().to_dict()
    assert counts == {("bare", "none"): 1, ("native", "ia3"): 3, ("native", "lora"): 3}


def test_a_study_without_references(results):
    alone = Grid("small", GridSettings.model_validate(GRID | {"references": []}))
    _, references = gather_runs(*tables(alone, results))
    assert references.empty and list(references) == list(TABLES["references"])


def edit(study, results, name, change):
    path = folder(results, study.cells[0]) / f"{name}.parquet"
    write_table(path, change(pd.read_parquet(path)), name)


def test_runs_that_failed_are_rows_without_scores(study, results, tmp_path):
    cell = next(cell for cell in study.cells if not cell.is_reference and cell.initialisation == "ported")
    path = folder(results, cell)
    scores, answers = (pd.read_parquet(path / f"{name}.parquet") for name in ("scores", "predictions"))
    broken = (scores["seed"] == 1) & (scores["budget_steps"] == 5)
    scores.loc[broken, ["accuracy", "score", "macro_f1", "loss"]] = None
    scores["failed_at_step"] = [4 if failed else None for failed in broken]
    write_table(path / "scores.parquet", scores, "scores")
    write_table(path / "predictions.parquet", answers.query("seed != 1 or budget_steps != 5"), "predictions")
    runs, references = gather_runs(*tables(study, results))
    assert len(runs) == study.runs
    (failed,) = runs.dropna(subset="failed_at_step").to_dict("records")
    assert (failed["failed_at_step"], failed["seed"], failed["budget_steps"]) == (4, 1, 5)
    assert runs["accuracy"].isna().sum() == 1
    assert len(gather_predictions(study, files(study, results, "predictions"))) > 0
    for name, table in (("runs", runs), ("references", references)):
        write_table(tmp_path / f"{name}.parquet", table, name)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("scores", lambda scores: scores.iloc[1:], r"its 3 rows are not the 4 runs \(budget, seed\) of the grid"),
        ("scores", lambda scores: pd.concat([scores.iloc[1:], scores.iloc[1:2]]), "its 4 rows are not the 4 runs"),
        ("scores", lambda scores: scores.assign(seed=scores["seed"] + 2), "its 4 rows are not the 4 runs"),
        ("scores", lambda scores: scores.assign(budget_steps=[0, 6, 0, 6]), "its 4 rows are not the 4 runs"),
        ("scores", lambda scores: scores.assign(technique="ia3"), "its technique is ia3, expected lora"),
        (
            "scores",
            lambda scores: scores.assign(score=scores["score"] + 0.001),
            "of budget 0, seed 0: 1000 answers and a score of 0.001; predictions.parquet beside it: 1000 answers "
            "with a mean score of 0",
        ),
        ("scores", lambda scores: scores.assign(test_examples=999), "budget 0, seed 0: 999 answers"),
        ("predictions", lambda answers: answers.iloc[:-1], r"budget 5, seed 1.*beside it: 999 answers"),
        (
            "predictions",
            lambda answers: answers.assign(seed=answers["seed"] + 2),
            "predictions.parquet beside it holds 4000 answers of runs that it has not",
        ),
        ("predictions", lambda answers: answers.iloc[:0], "budget 0, seed 0.*beside it: 0 answers"),
    ],
)
def test_tables_of_a_cell_that_do_not_agree_are_named(study, results, name, change, said):
    edit(study, results, name, change)
    place = f"lora/a--c/copy/film--film/ported/seeds-0-1/scores.parquet is damaged: .*{said}"
    with pytest.raises(DamagedFile, match=place):
        gather_runs(*tables(study, results))


def test_a_metric_of_lm_eval_may_have_the_name_of_a_column_that_is_empty_then(study, results):
    edit(study, results, "scores", lambda scores: scores.assign(metric="exact_match", exact_match=float("nan")))
    assert len(gather_runs(*tables(study, results))[0]) == study.runs
    edit(study, results, "scores", lambda scores: scores.assign(exact_match=scores["score"] + 0.1))
    with pytest.raises(DamagedFile, match="its exact_match is not its score"):
        gather_runs(*tables(study, results))


def test_answers_of_a_run_that_failed_are_named(study, results):
    edit(study, results, "scores", lambda scores: scores.assign(score=[None, *scores["score"][1:]]))
    with pytest.raises(DamagedFile, match=r"budget 0, seed 0: 0 answers and a score of nan.*1000 answers"):
        gather_runs(*tables(study, results))


def test_predictions_carry_the_names_of_their_cells(study, results):
    predictions = gather_predictions(study, files(study, results, "predictions"))
    computed = sum(len(study.seeds_of(c.block)) * (1 if c.is_reference else 2) for c in study.cells)
    assert len(predictions) == EXAMPLES * computed
    assert set(CELL) <= set(predictions)
    assert "any" in set(predictions.query("initialisation == 'scratch'")["source_host"])


def test_starts_of_one_part_are_gathered_of_techniques_of_two_alone():
    """As the script makes the grid, from the settings of its stage: else the files of the cells are too few."""
    config = read_settings(two_techniques(grid={"initialisations": ["ported", "ported_outer_part", "scratch"]}))
    study = Study(config)
    for stage in (GatherRuns(), ComputeStatistics("portability"), DescribeTechniques()):
        given = stage.settings(study)
        again = Grid(given["study"], GridSettings.model_validate(given["grid"]), hybrids=given["hybrids"])
        assert again.cells == study.cells and again.runs == study.runs
