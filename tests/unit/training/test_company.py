"""A seed is a seed: on a CPU what it gives does not depend on what is trained and tested beside it, to the bit."""

import pandas as pd
import pytest
from safetensors.numpy import load_file

from peftport.jobs.checkpoints import Checkpoint
from peftport.storage.parquet import read_table
from peftport.training.extract import extract_modules
from peftport.training.source import train_source
from tests.ground import MADE, NAMES, TASK, TRAINING, evaluate_together, modules, prompts
from tests.techniques import of_name

# prefix tuning is put in by another way than layers; PVeRA draws random numbers in every step
TECHNIQUES = {
    name: {"method": of_name(name)[0], "learning_rate": 0.02, "source_steps": 4, **of_name(name)[1]}
    for name in ("lora", "prefix_tuning", "pvera")
}
AUTO = TRAINING | {"members_together": "auto"}


def train(ground, folder, technique, seeds, training=AUTO):
    """The trained states of seeds in one job, by seed, with the loss curve; and the files."""
    names = {"curve": "training.parquet", "state": "state.safetensors", "config": "state.json"}
    outputs = {name: folder / file for name, file in names.items()}
    data = {"card": ground / "raw.json"} | prompts(ground, "raw")
    train_source(data, {"technique": technique, "training": training}, TASK, seeds, outputs, MADE, Checkpoint(None))
    return load_file(outputs["state"]), read_table(outputs["curve"], "curve"), outputs


def same(left, right):
    """Equal to the bit, but for times."""
    left, right = (table.drop(columns="elapsed_seconds", errors="ignore") for table in (left, right))
    pd.testing.assert_frame_equal(left.reset_index(drop=True), right.reset_index(drop=True), check_exact=True)


def of_seed(table, seed=0):
    return table[table["seed"] == seed]


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("company", [[0, 1, 2], [2, 1, 0]])
@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_source_module_is_that_of_its_seed_alone(ground, tmp_path, technique, company, keep):
    training = AUTO | {"keep": keep, "validate_every": 2}
    alone, curve, _ = train(ground, tmp_path / "alone", TECHNIQUES[technique], [0], training)
    beside, curves, _ = train(ground, tmp_path / "beside", TECHNIQUES[technique], company, training)
    assert len(beside) == 3 * len(alone)
    assert all(beside[name].tobytes() == tensor.tobytes() for name, tensor in alone.items())
    same(of_seed(curves), curve)
    assert (curves["members"] == 1).all()


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("together", ["auto", 8])
def test_a_run_is_that_of_its_seed_alone(ground, tmp_path, technique, together):
    """Among three seeds, and among other initialisations that share its job."""
    settings = TECHNIQUES[technique]
    _, _, outputs = train(ground, tmp_path, settings, [0, 1, 2])
    starts = {seed: tmp_path / f"seed-{seed}" for seed in (0, 1, 2)}
    extract_modules(outputs["state"], outputs["config"], starts, MADE)
    asked = {"budgets": [0, 2, 4], "technique": settings, "together": together, "generate": True}
    alone = evaluate_together(ground, "instruct", {"ported": {0: starts[0]}}, cell=NAMES, **asked)["ported"]
    turned = {"sampled": {0: starts[2], 1: starts[0]}, "ported": dict(reversed(starts.items()))}
    for company in ({"ported": starts}, turned):
        beside = evaluate_together(ground, "instruct", company, cell=NAMES, **asked)
        assert list(beside) == list(company)
        for name, table in alone.items():
            same(of_seed(beside["ported"][name]), table)
            assert table.attrs == beside["ported"][name].attrs == {"members_together": 1}


def test_the_material_tells_seeds_apart(ground):
    """Else the laws above would hold for seeds that are mixed up."""
    starts = modules(ground, "raw")
    tables = evaluate_together(ground, "instruct", {"ported": starts}, [2])["ported"]
    assert of_seed(tables["scores"], 0)["loss"].item() != of_seed(tables["scores"], 1)["loss"].item()
