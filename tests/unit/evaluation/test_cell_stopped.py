"""A cell that is stopped anywhere and goes on ends as if nothing had been; a run that fails leaves the others alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from peftport.compute.optimisation import Optimisation
from peftport.evaluation import cell as stage
from peftport.jobs.signals import STOPS
from peftport.storage.parquet import read_table, write_table
from tests import ground as stages
from tests.ground import in_pieces, modules

BUDGETS = [0, 2, 5]


def evaluate(ground, checkpoint=None, generate=False, budgets=BUDGETS):
    options = {"generate": generate, "checkpoint": checkpoint}
    return stages.evaluate(ground, "instruct", modules(ground, "raw"), budgets, **options)


@pytest.fixture(scope="module")
def whole(ground):
    """The tables of a cell that nothing stops."""
    return evaluate(ground)


def same(left, right):
    for name, table in left.items():
        other = right[name].drop(columns="elapsed_seconds", errors="ignore")
        table = table.drop(columns="elapsed_seconds", errors="ignore")
        pd.testing.assert_frame_equal(table, other, check_exact=True, check_dtype=not table.empty)


@pytest.mark.slow
def test_stopped_at_every_place(ground, whole, tmp_path):
    """After every step, every test and every seed; what was tested is not tested again."""
    path = tmp_path / "checkpoint.safetensors"
    tables, times = in_pieces(path, 1, lambda checkpoint: evaluate(ground, checkpoint))
    assert times == 18
    same(whole, tables)


@pytest.mark.parametrize("budgets", [BUDGETS, [0]])
def test_told_to_stop_while_testing(ground, tmp_path, budgets, monkeypatch):
    path, score, tested = tmp_path / "checkpoint.safetensors", stage.score, []

    def interrupted(*arguments, **named):
        tested.append(1)
        if len(tested) == 2:
            STOPS.came = 15
        return score(*arguments, **named)

    monkeypatch.setattr(stage, "score", interrupted)
    tables, times = in_pieces(path, 0, lambda checkpoint: evaluate(ground, checkpoint, True, budgets))
    assert times == 1 and len(tested) == 2 * len(budgets)
    same(evaluate(ground, generate=True, budgets=budgets), tables)


def breaking(monkeypatch, seed, step, loss):
    """From this step on the parameters of a seed are no numbers, or only its loss is none."""
    take = Optimisation._take_step

    def broken(run):
        taken = take(run)
        if run.step < step or run.label != f"seed {seed}":
            return taken
        if loss is not None:
            return torch.full_like(taken, loss)
        with torch.no_grad():
            run.parameters[0].fill_(torch.nan)
        return taken

    monkeypatch.setattr(Optimisation, "_take_step", broken)


@pytest.mark.parametrize(
    ("step", "loss", "failed"),
    [(1, float("nan"), {2: 1, 5: 1}), (4, float("inf"), {5: 4}), (5, None, {5: 5}), (2, None, {2: 2, 5: 2})],
)
def test_a_run_whose_loss_is_no_number_fails_alone(ground, whole, tmp_path, monkeypatch, capsys, step, loss, failed):
    breaking(monkeypatch, 1, step, loss)
    tables, _ = in_pieces(tmp_path / "c.safetensors", 5, lambda checkpoint: evaluate(ground, checkpoint))
    for name, table in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, name)
    scores, predictions, curve = (
        read_table(tmp_path / f"{name}.parquet", name) for name in ("scores", "predictions", "curve")
    )
    marked = scores.dropna(subset="failed_at_step")
    assert set(marked["seed"]) == {1} and len(scores) == 6
    assert marked.set_index("budget_steps")["failed_at_step"].to_dict() == failed
    assert marked[["accuracy", "macro_f1", "loss"]].isna().all(axis=None) and (marked["test_examples"] > 0).all()
    for name in ("scores", "predictions"):
        kept = ~((whole[name]["seed"] == 1) & whole[name]["budget_steps"].isin(failed))
        right = tables[name].dropna(subset="accuracy") if name == "scores" else tables[name]
        pd.testing.assert_frame_equal(
            whole[name][kept].reset_index(drop=True), right.reset_index(drop=True), check_exact=True, check_dtype=False
        )
    assert len(predictions) == len(scores.dropna(subset="accuracy")) * scores["test_examples"][0]
    assert np.isfinite(curve["loss"]).all() and curve[curve["seed"] == 0]["step"].max() == 5
    assert f"failed, the loss is no finite number at step {min(failed.values())}" in capsys.readouterr().out


def test_a_cell_in_which_every_run_fails_still_leaves_its_tables(ground, tmp_path, monkeypatch):
    take = Optimisation._take_step
    monkeypatch.setattr(Optimisation, "_take_step", lambda run: take(run) * torch.nan)
    tables = evaluate(ground, budgets=[2, 5])
    for name, table in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, name)
    assert tables["scores"]["failed_at_step"].tolist() == [1] * 4
    assert tables["predictions"].empty and tables["curve"].empty
