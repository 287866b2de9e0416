"""The stage that trains source modules: its files, its seeds, and which state it keeps."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from peftport.compute.device import load_host
from peftport.hosts.load import load_tokenizer
from peftport.injection.attach import attach, config_dict, module_tensors
from peftport.jobs.checkpoints import Checkpoint
from peftport.prompting.task import Task
from peftport.settings import TrainingSettings
from peftport.storage.cards import read_card
from peftport.storage.parquet import read_provenance, read_table
from peftport.training.loop import Recipe, Training
from peftport.training.resume import Ongoing
from peftport.training.source import Trained, train_keeping
from tests import encoded, hosts
from tests.ground import MADE, TASK, TECHNIQUE, TRAINING, train
from tests.techniques import SETTINGS


def by_hand(ground, seed, steps):
    """The same training without the stage."""
    task = Task.for_host(
        TASK, load_tokenizer(ground / "hosts/raw"), read_card(ground / "raw.json"), TRAINING["max_tokens"]
    )
    data = task.encode(read_table(ground / "train.parquet", "examples"))
    model = attach(load_host(ground / "hosts/raw", "float32"), "lora", TECHNIQUE, seed=seed)
    Training(model, task, data, Recipe.of(TrainingSettings(**TRAINING), TECHNIQUE["learning_rate"]), seed).advance(
        steps
    )
    return model


def same(left, right):
    return list(left) == list(right) and all(left[name].tobytes() == right[name].tobytes() for name in left)


def of_seed(state, seed):
    return {name.split("/", 1)[1]: state[name] for name in sorted(state) if name.startswith(f"{seed}/")}


def test_it_leaves_every_seeds_state(ground):
    state = load_file(ground / "raw/state.safetensors")
    assert {name.split("/", 1)[0] for name in state} == {"0", "1"}
    for seed in (0, 1):
        model = by_hand(ground, seed, 6)
        assert same(of_seed(state, seed), module_tensors(model))
    assert not same(of_seed(state, 0), of_seed(state, 1))
    facts = read_card(ground / "raw/state.json")
    assert facts["adapter_config"] == config_dict(model)
    assert facts["technique"] == TECHNIQUE
    assert facts["host"]["weights_sha256"] == read_card(ground / "raw.json")["weights_sha256"]


def test_its_curve_is_a_table_that_says_how_it_was_made(ground):
    curve = read_table(ground / "raw/training.parquet", "curve")
    assert curve.groupby("seed")["step"].agg(list).to_dict() == {0: [1, 6, 6], 1: [1, 6, 6]}
    assert curve.groupby("seed")["phase"].agg(list)[0] == ["train", "train", "validation"]
    assert read_provenance(ground / "raw/training.parquet")["key"] == MADE["key"]


def test_the_same_again_is_the_same_bit_for_bit(ground, tmp_path):
    train(ground, "raw", tmp_path)
    assert (tmp_path / "state.safetensors").read_bytes() == (ground / "raw/state.safetensors").read_bytes()


def test_a_host_in_bfloat16_trains_modules_in_float32(ground, tmp_path):
    """Near the training in float32, and not equal to it: bfloat16 has 8 bits."""
    training = TRAINING | {"host_precision": "bfloat16"}
    outputs = train(ground, "raw", tmp_path, training=training)
    assert all(tensor.dtype == np.float32 for tensor in load_file(outputs["state"]).values())
    here, there = (read_table(path, "curve")["loss"] for path in (outputs["curve"], ground / "raw/training.parquet"))
    np.testing.assert_allclose(here, there, rtol=0.05)
    assert (here != there).any()


def test_a_technique_may_have_its_own_steps(ground, tmp_path):
    outputs = train(ground, "raw", tmp_path, TECHNIQUE | {"source_steps": 3})
    assert same(of_seed(load_file(outputs["state"]), 1), module_tensors(by_hand(ground, 1, 3)))


def nothing():
    """No checkpoint to go on from."""
    return Ongoing(Checkpoint(None), Trained)


def untrained(seed=0):
    """A training on tokens, every label the first."""
    model = attach(hosts.host("t5_gated_untied"), "lora", SETTINGS["lora"], seed=0)
    data = encoded.examples()
    data.labels[:] = 0
    return Training(model, encoded.TASK, data, Recipe(0.02, 0, 4, 0.0, 1.0), seed)


def test_keep_best_keeps_the_state_with_the_lowest_validation_loss():
    """Every label of the validation split is the second, so the longer the training, the worse there."""
    validation = encoded.examples(20, seed=1)
    validation.labels[:] = 1
    run = untrained(seed=2)
    best, last = TrainingSettings(keep="best", validate_every=5), TrainingSettings(keep="last")
    kept = train_keeping(run, validation, 25, best, nothing())
    losses = run.curve().query("phase == 'validation'").set_index("step")["loss"]
    assert losses.index.tolist() == list(range(5, 26, 5))
    step = int(losses.idxmin())
    assert step < 25 and losses[25] > losses[step] + 0.1
    alone, other = untrained(seed=2), untrained(seed=2)
    alone.advance(step)
    assert same(kept.state, module_tensors(alone.model))
    assert not same(kept.state, train_keeping(other, validation, 25, last, nothing()).state)
    assert same(module_tensors(other.model), module_tensors(run.model))


def test_keep_is_taken_from_the_config(ground, tmp_path):
    outputs = train(ground, "raw", tmp_path, training=TRAINING | {"keep": "best", "validate_every": 4})
    curve = read_table(outputs["curve"], "curve").query("phase == 'validation'")
    assert curve.groupby("seed")["step"].agg(list).to_dict() == {0: [4, 6], 1: [4, 6]}


@pytest.mark.parametrize(
    ("losses", "kept"), [([3.0, 1.0, 2.0], 4), ([1.0, 2.0, 3.0], 2), ([3.0, 2.0, 1.0], 5), ([2.0, 1.0, 1.0], 4)]
)
def test_whichever_is_best_is_kept_and_the_first_of_equals(losses, kept, monkeypatch):
    """Five steps, validated after two, four and five."""
    run, said, alone = untrained(), iter(losses), untrained()
    monkeypatch.setattr(run, "validate", lambda data: next(said))
    settings = TrainingSettings(keep="best", validate_every=2)
    best = train_keeping(run, encoded.examples(), 5, settings, nothing())
    alone.advance(kept)
    assert run.step == 5
    assert same(best.state, module_tensors(alone.model)) and best.loss == min(losses)


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_module_whose_validation_loss_is_no_number_holds_none(keep, monkeypatch):
    run, loss = untrained(seed=7), Training._loss
    monkeypatch.setattr(run, "_loss", lambda batch: loss(run, batch) * (1 if torch.is_grad_enabled() else torch.nan))
    settings = TrainingSettings(keep=keep, validate_every=3)
    module = train_keeping(run, encoded.examples(), 3, settings, nothing())
    assert run.failed == 3 and (module.failed, module.loss) == (3, None)
    assert all(np.isnan(tensor).all() for tensor in module.state.values())
    assert {name: tensor.shape for name, tensor in module.state.items()} == {
        name: tensor.shape for name, tensor in module_tensors(run.model).items()
    }


def test_training_that_diverges_is_said_in_the_card(ground, tmp_path):
    outputs = train(ground, "raw", tmp_path, TECHNIQUE | {"learning_rate": 1e38})
    assert read_card(outputs["config"])["failed_at_step"] == {"0": 2, "1": 2}
    assert all(np.isnan(tensor).all() for tensor in load_file(outputs["state"]).values())
    assert read_card(ground / "raw/state.json")["failed_at_step"] == {}


def test_a_module_is_what_its_technique_says(ground):
    state = of_seed(load_file(ground / "raw/state.safetensors"), 0)
    assert all(tensor.dtype == np.float32 for tensor in state.values())
    assert sum(tensor.size for tensor in state.values()) == 12 * 2 * (16 + 16)  # rank 2, q and v of 6 attentions
