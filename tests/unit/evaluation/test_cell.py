"""A cell: its tables, its laws against the host alone, against its source and against shorter trainings."""

import numpy as np
import pandas as pd
import pytest

from peftport.compute.computed_by import computed_by
from peftport.compute.device import load_host
from peftport.compute.host_inputs import HostInputs
from peftport.evaluation.cell import CellSettings, evaluate_cell
from peftport.evaluation.likelihood import log_likelihoods
from peftport.evaluation.score import MERGED, score
from peftport.hosts.load import load_tokenizer
from peftport.injection.attach import attach, attach_module, config_dict, module_tensors
from peftport.jobs.checkpoints import Checkpoint
from peftport.porting.start import make_starts
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings, TrainingSettings
from peftport.storage.cards import read_card, write_card
from peftport.storage.modules import Module, read_module, write_module
from peftport.storage.parquet import read_table, write_table
from peftport.storage.tables import CELL
from peftport.training.fresh_start import initialise_scratch
from peftport.training.loop import Recipe, Training
from tests.ground import NAMES, TASK, TECHNIQUE, TRAINING, evaluate, modules, prompts


def encoded_test(ground, host):
    folder = ground / "hosts" / host
    task = Task.for_host(TASK, load_tokenizer(folder), read_card(ground / "raw.json"), TRAINING["max_tokens"])
    return task, task.encode(read_table(ground / "test.parquet", "examples"))


@pytest.mark.parametrize("generate", [False, True])
def test_a_cell_leaves_its_three_tables(ground, tmp_path, generate):
    tables = evaluate(ground, "instruct", modules(ground, "raw"), [0, 2, 5], generate=generate)
    for name, table in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, name)
        back = read_table(tmp_path / f"{name}.parquet", name)
        assert [name for name in back if back[name].isna().all()] == [n for n in back if table[n].isna().all()]
        filled = list(back.dropna(axis="columns", how="all"))
        pd.testing.assert_frame_equal(back[filled], table[filled], check_dtype=False)
    scores, predictions, curve = tables["scores"], tables["predictions"], tables["curve"]
    assert list(zip(scores["seed"], scores["budget_steps"], strict=True)) == [
        (seed, budget) for seed in (0, 1) for budget in (0, 2, 5)
    ]
    assert all((scores[name] == NAMES[name]).all() for name in CELL)
    test = read_table(ground / "test.parquet", "examples")
    assert len(predictions) == 2 * 3 * len(test) and (scores["test_examples"] == len(test)).all()
    for (seed, budget), rows in predictions.groupby(["seed", "budget_steps"]):
        assert rows["example_id"].tolist() == test["example_id"].tolist()
        assert rows["label"].tolist() == test["label"].tolist()
        row = scores[(scores["seed"] == seed) & (scores["budget_steps"] == budget)]
        assert rows["correct"].mean() == row["accuracy"].item()
        assert -rows["log_likelihood"].mean() == pytest.approx(row["loss"].item())
        assert rows["generated"].notna().all() == generate
    assert set(curve["seed"]) == {0, 1} and curve["step"].max() == 5
    assert all((scores[name] == fact).all() for name, fact in computed_by("float32").items())
    assert scores["invalid_rate"].notna().all() == generate


def test_a_budget_inside_a_longer_one_is_a_cell_of_its_own(ground):
    starts = modules(ground, "raw")
    long = evaluate(ground, "instruct", starts, [0, 2, 5])
    for budget in (0, 2, 5):
        for seed in (0, 1):
            alone = evaluate(ground, "instruct", {seed: starts[seed]}, [budget])
            for name in ("scores", "predictions"):
                part = long[name].query("seed == @seed and budget_steps == @budget").reset_index(drop=True)
                pd.testing.assert_frame_equal(alone[name].reset_index(drop=True), part, check_exact=True)


def test_seeds_differ_and_the_order_of_seeds_does_not_matter(ground):
    starts = modules(ground, "raw")
    forward = evaluate(ground, "instruct", starts, [0, 3])["predictions"]
    backward = evaluate(ground, "instruct", dict(reversed(starts.items())), [0, 3])["predictions"]
    keys = ["seed", "budget_steps"]
    forward, backward = (frame.sort_values(keys, kind="stable", ignore_index=True) for frame in (forward, backward))
    pd.testing.assert_frame_equal(forward, backward, check_exact=True)
    by_run = forward.groupby(keys)["log_likelihood"].agg(tuple)
    assert by_run.nunique() == 4


def test_the_bare_cell_is_the_host_alone(ground):
    bare = evaluate(ground, "instruct", {0: None}, [0], NAMES | {"technique": "none", "initialisation": "bare"})
    task, test = encoded_test(ground, "instruct")
    host = load_host(ground / "hosts/instruct", "float32")
    alone = log_likelihoods(host, test, task, 16)
    assert bare["predictions"]["log_likelihood"].tolist() == alone[range(len(test)), test.labels].tolist()
    assert bare["scores"]["accuracy"].item() == (alone.argmax(1) == test.labels).mean()
    assert bare["curve"].empty
    alone = score(host, test, task, EvaluationSettings(batch_size=16))
    assert bare["scores"]["loss"].item() == alone.row["loss"]


def test_a_start_onto_its_own_host_has_the_source_modules_predictions(ground, tmp_path):
    """Ported through every stage, against the training it comes from, in memory."""
    cards = {end: ground / "raw.json" for end in ("source", "target")}
    outputs = {seed: tmp_path / f"seed-{seed}" for seed in (0, 1)}
    make_starts("ported", modules(ground, "raw"), {}, cards, outputs, {})
    ported = evaluate(ground, "raw", outputs, [0])["predictions"]
    native = evaluate(ground, "raw", modules(ground, "raw"), [0])["predictions"]
    pd.testing.assert_frame_equal(ported, native, check_exact=True)
    task, test = encoded_test(ground, "raw")
    train = task.encode(read_table(ground / "train.parquet", "examples"))
    for seed in (0, 1):
        model = attach(load_host(ground / "hosts/raw", "float32"), "lora", TECHNIQUE, seed=seed)
        Training(model, task, train, Recipe.of(TrainingSettings(**TRAINING), TECHNIQUE["learning_rate"]), seed).advance(
            6
        )
        likelihoods = log_likelihoods(model, test, task, 16)[range(len(test)), test.labels]
        assert ported.query("seed == @seed")["log_likelihood"].tolist() == likelihoods.tolist()


def test_scratch_starts_as_the_bare_host_and_leaves_it(ground, tmp_path):
    """LoRA's B is zero before the first step."""
    folders = {0: tmp_path / "seed-0"}
    initialise_scratch(ground / "instruct.json", TECHNIQUE, folders, {})
    scratch = evaluate(ground, "instruct", folders, [0, 4])["scores"]
    bare = evaluate(ground, "instruct", {0: None}, [0])["scores"]
    assert scratch["loss"][0] == pytest.approx(bare["loss"][0], abs=1e-6)
    assert abs(scratch["loss"][1] - bare["loss"][0]) > 0.01


def test_a_modules_dropout_is_off_in_tests(ground, tmp_path):
    technique = TECHNIQUE | {"dropout": 0.5}
    model = attach(load_host(ground / "hosts/raw", "float32"), "lora", technique, seed=0)
    tensors = {name: np.full_like(tensor, 0.1) for name, tensor in module_tensors(model).items()}
    write_module(tmp_path, Module(config_dict(model), tensors, {}))
    once, again = (evaluate(ground, "raw", {0: tmp_path}, [0])["predictions"] for _ in range(2))
    pd.testing.assert_frame_equal(once, again, check_exact=True)


def test_a_module_that_does_not_fit_is_refused(ground, tmp_path):
    model = attach(load_host(ground / "hosts/raw", "float32"), "lora", TECHNIQUE, seed=0)
    tensors = module_tensors(model)
    first = next(iter(tensors))
    tensors[first] = tensors[first][:1]
    write_module(tmp_path, Module(config_dict(model), tensors, {}))
    with pytest.raises(ValueError, match="does not fit"):
        evaluate(ground, "instruct", {1: tmp_path}, [0])


def test_a_host_that_is_gone_is_named(ground, tmp_path):
    card = read_card(ground / "raw.json") | {"folder": str(tmp_path / "gone")}
    write_card(tmp_path / "card.json", card)
    with pytest.raises(ValueError, match=r"host `raw`: .*config.json is damaged or changed: it is not there any more"):
        evaluate(tmp_path, "card", {0: None}, [0])


def test_merging_beside_the_attached_module_changes_nothing_else(ground):
    """In float32 a merged LoRA answers as the attached one; what is trained on afterwards is as it was."""
    starts = modules(ground, "raw")
    plain, both = (evaluate(ground, "instruct", starts, [0, 2, 4], merged=merged) for merged in (False, True))
    pd.testing.assert_frame_equal(plain["predictions"], both["predictions"], check_exact=True)
    same = plain["scores"].columns.difference(MERGED)
    pd.testing.assert_frame_equal(plain["scores"][same], both["scores"][same], check_exact=True)
    assert plain["scores"][[*MERGED]].isna().all(axis=None)
    scores = both["scores"]
    assert (scores["merged_score"] == scores["accuracy"]).all() and (scores["merged_changed"] == 0).all()
    assert (scores["merged_difference"] < 1e-4).all() and (scores["merged_difference"] > 0).any()


def test_a_cell_that_is_tested_on_another_dataset_trains_on_its_own(ground, tmp_path):
    """The training is that of the usual cell to the last digit, and the answers are to other prompts."""
    starts, card = modules(ground, "raw"), ground / "instruct.json"
    other = {"template": "{text} Was it any good?", "words": ["no", "yes"]}
    task = Task.for_host(other, load_tokenizer(ground / "hosts/instruct"), read_card(card))
    examples = read_table(ground / "test.parquet", "examples")
    answers = examples["label"].map({"negative": "no", "positive": "yes"})
    write_table(tmp_path / "test.parquet", task.encode(examples.assign(label=answers)).table(), "prompts")
    inputs = HostInputs(card, **prompts(ground, "instruct") | {"test": tmp_path / "test.parquet"})
    evaluation = EvaluationSettings(batch_size=16, calibration_texts=20)
    settings = CellSettings(TECHNIQUE, TrainingSettings(**TRAINING), evaluation, other, [0, 3], TASK)
    probed = evaluate_cell(inputs, starts, settings, NAMES, Checkpoint(None))
    usual = evaluate(ground, "instruct", starts, [0, 3])
    curves = (tables["curve"].drop(columns="elapsed_seconds") for tables in (probed, usual))
    pd.testing.assert_frame_equal(*curves, check_exact=True)
    assert set(probed["predictions"]["prediction"]) <= {"no", "yes"}
    assert probed["scores"]["calibrated_accuracy"].isna().all() and usual["scores"]["calibrated_accuracy"].notna().all()
    by_budget = probed["predictions"].query("seed == 0").groupby("budget_steps")["log_likelihood"].agg(tuple)
    assert by_budget[0] != by_budget[3]
    host = load_host(ground / "hosts/instruct", "float32")
    alone = attach_module(host, read_module(starts[0]), trainable=False)
    scored = log_likelihoods(alone, task.encode(examples.assign(label=answers)), task, 16)
    right = answers.map({"no": 0, "yes": 1}).to_numpy()
    assert by_budget[0] == pytest.approx(scored[range(len(right)), right].tolist())
