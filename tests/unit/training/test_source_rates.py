"""A source training with several learning rates: of every seed the module with the lowest validation loss."""

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from peftport.storage.cards import read_card
from peftport.storage.modules import read_module
from peftport.storage.parquet import read_table
from peftport.training.extract import extract_modules
from peftport.training.loop import Training
from tests.ground import MADE, SEEDS, TECHNIQUE, TRAINING, in_pieces, train

RATES = [0.001, 0.05, 30.0]  # the last is far too high
LISTED = TECHNIQUE | {"learning_rate": RATES[::-1]}
WAYS = {keep: TRAINING | {"keep": keep, "validate_every": 2} for keep in ("last", "best")}


def read(outputs):
    """The state by seed, the curve but for times, and the card."""
    state, curve = load_file(outputs["state"]), read_table(outputs["curve"], "curve").drop(columns="elapsed_seconds")
    states = {
        seed: {name: one.tobytes() for name, one in state.items() if name.startswith(f"{seed}/")} for seed in SEEDS
    }
    return states, curve, read_card(outputs["config"])


@pytest.fixture(scope="module")
def single(ground, tmp_path_factory):
    """Trainings with one rate, by what is kept and by rate."""
    folder = tmp_path_factory.mktemp("single")

    def one(keep, rate):
        return read(train(ground, "raw", folder / f"{keep}-{rate}", TECHNIQUE | {"learning_rate": rate}, WAYS[keep]))

    return {keep: {rate: one(keep, rate) for rate in RATES} for keep in WAYS}


@pytest.fixture(scope="module")
def outputs(ground, tmp_path_factory):
    """The files of trainings with all rates, by what is kept."""
    folder = tmp_path_factory.mktemp("listed")
    return {keep: train(ground, "raw", folder / keep, LISTED, training) for keep, training in WAYS.items()}


@pytest.fixture(scope="module")
def listed(outputs):
    """What stands in them."""
    return {keep: read(files) for keep, files in outputs.items()}


def expected(trained, keep, seed):
    """The rate with the lowest validation loss: at the end, or of the state kept."""
    losses = {}
    for rate, (_, curve, _) in trained.items():
        own = curve.query("seed == @seed and phase == 'validation'")["loss"]
        losses[rate] = own.iloc[-1] if keep == "last" else own.min()
    return min(losses, key=losses.get)


@pytest.mark.parametrize("keep", WAYS)
def test_each_seed_takes_the_rate_with_the_lowest_validation_loss(single, listed, keep):
    states, curve, card = listed[keep]
    for seed in SEEDS:
        rate = expected(single[keep], keep, seed)
        assert card["learning_rate"][str(seed)] == rate
        alone = single[keep][rate]
        assert states[seed] == alone[0][seed]
        own = curve.query("seed == @seed").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone[1].query("seed == @seed").reset_index(drop=True), check_exact=True)
    assert card["failed_at_step"] == {}
    assert card["technique"] == LISTED


def test_the_rate_stands_in_the_cards_of_modules(outputs, tmp_path):
    folders, files = {seed: tmp_path / f"seed-{seed}" for seed in SEEDS}, outputs["last"]
    extract_modules(files["state"], files["config"], folders, MADE)
    rates = read_card(files["config"])["learning_rate"]
    assert {str(seed): read_module(folder).card["learning_rate"] for seed, folder in folders.items()} == rates
    assert set(rates.values()) <= set(RATES)


def failing(monkeypatch, seed, rates):
    """The loss of a seed is no number at these rates, from step 3 on."""
    next_loss = Training._next_loss

    def broken(run):
        fails = run.step >= 2 and run.recipe.learning_rate in rates and run.seed == seed
        return next_loss(run) * (np.nan if fails else 1.0)

    monkeypatch.setattr(Training, "_next_loss", broken)


def test_a_rate_that_failed_is_not_taken_if_another_did_not(ground, tmp_path, monkeypatch, single):
    """Also if its best state, which is kept, was better than that of any other."""
    best = expected(single["best"], "best", 1)
    failing(monkeypatch, 1, {best})
    states, _, card = read(train(ground, "raw", tmp_path, LISTED, WAYS["best"]))
    assert card["learning_rate"]["1"] != best and card["failed_at_step"] == {}
    assert states[1] == single["best"][card["learning_rate"]["1"]][0][1]
    assert card["learning_rate"]["0"] == expected(single["best"], "best", 0)


def test_where_every_rate_failed_the_module_has_failed(ground, tmp_path, monkeypatch):
    failing(monkeypatch, 1, set(RATES))
    files = train(ground, "raw", tmp_path, LISTED)
    card = read_card(files["config"])
    assert card["failed_at_step"] == {"1": 3} and card["learning_rate"]["1"] == RATES[0]
    state = load_file(files["state"])
    assert all(np.isnan(tensor).all() == name.startswith("1/") for name, tensor in state.items())


@pytest.mark.slow
def test_stopped_anywhere_it_goes_on_to_the_same(ground, tmp_path, listed):
    """With the best state kept, which is part of the checkpoint; test_resume.py stops trainings that keep the last."""
    training, path, whole = WAYS["best"], tmp_path / "checkpoint.safetensors", listed["best"]
    files, times = in_pieces(path, 8, lambda one: train(ground, "raw", tmp_path / "out", LISTED, training, one))
    states, curve, card = read(files)
    assert times > 3 and states == whole[0] and card == whole[2]
    pd.testing.assert_frame_equal(curve, whole[1], check_exact=True)
