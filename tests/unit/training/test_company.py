"""A seed is a seed: what it gives does not depend on what is trained and tested beside it, to the bit."""

import pandas as pd
import pytest
from safetensors.numpy import load_file

from peftport.storage.parquet import read_table
from peftport.training.extract import extract_modules
from tests import ground as stages
from tests.ground import MADE, TRAINING, evaluate, modules
from tests.techniques import of_name

# prefix tuning is put in by another way than layers; PVeRA draws random numbers in every step
TECHNIQUES = {
    name: {"method": of_name(name)[0], "learning_rate": 0.02, "source_steps": 4, **of_name(name)[1]}
    for name in ("lora", "prefix_tuning", "pvera")
}

COMPANY = [1, 0, 2]  # one trains before it and one after


def train(ground, folder, technique, seeds, training=TRAINING):
    """The trained states of seeds in one job, by seed, with the loss curve; and the files."""
    outputs = stages.train(ground, "raw", folder, technique, training, seeds=seeds)
    return load_file(outputs["state"]), read_table(outputs["curve"], "curve"), outputs


def same(left, right):
    """Equal to the bit, but for times."""
    left, right = (table.drop(columns="elapsed_seconds", errors="ignore") for table in (left, right))
    pd.testing.assert_frame_equal(left.reset_index(drop=True), right.reset_index(drop=True), check_exact=True)


def of_seed(table, seed=0):
    return table[table["seed"] == seed]


@pytest.mark.parametrize(("keep", "technique"), [("best", "lora"), ("last", "prefix_tuning"), ("best", "pvera")])
def test_a_source_module_is_that_of_its_seed_alone(ground, tmp_path, keep, technique):
    training = TRAINING | {"keep": keep, "validate_every": 2}
    alone, curve, _ = train(ground, tmp_path / "alone", TECHNIQUES[technique], [0], training)
    beside, curves, _ = train(ground, tmp_path / "beside", TECHNIQUES[technique], COMPANY, training)
    assert len(beside) == 3 * len(alone)
    assert all(beside[name].tobytes() == tensor.tobytes() for name, tensor in alone.items())
    same(of_seed(curves), curve)


@pytest.mark.parametrize("technique", ["prefix_tuning", "pvera"])  # LoRA's runs are so held in test_choice.py
def test_a_run_is_that_of_its_seed_alone(ground, tmp_path, technique):
    settings = TECHNIQUES[technique]
    _, _, outputs = train(ground, tmp_path, settings, COMPANY)
    starts = {seed: tmp_path / f"seed-{seed}" for seed in COMPANY}
    extract_modules(outputs["state"], outputs["config"], starts, MADE)
    asked = {"budgets": [0, 2, 4], "technique": settings, "generate": True}
    alone = evaluate(ground, "instruct", {0: starts[0]}, **asked)
    beside = evaluate(ground, "instruct", starts, **asked)
    for name, table in alone.items():
        same(of_seed(beside[name]), table)


def test_the_material_tells_seeds_apart(ground):
    """Else the laws above would hold for seeds that are mixed up."""
    tables = evaluate(ground, "instruct", modules(ground, "raw"), [2])
    assert of_seed(tables["scores"], 0)["loss"].item() != of_seed(tables["scores"], 1)["loss"].item()
