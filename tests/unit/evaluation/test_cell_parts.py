"""A module of two techniques from its source training, stopped and resumed, to scores of starts of one part."""

import numpy as np
import pandas as pd
import pytest

from peftport.hosts.load import load_model
from peftport.injection.attach import attach, module_tensors
from peftport.porting.start import make_starts
from peftport.storage.module_parts import part_of
from peftport.storage.modules import read_module, write_module
from peftport.training.extract import extract_modules
from peftport.training.fresh_start import initialise_scratch
from tests import ground as stages
from tests.techniques import HYBRIDS

TECHNIQUE = {"method": "hybrid", "learning_rate": 0.02, "source_steps": None} | HYBRIDS["hybrid, prefix in LoRA"]
KINDS = {"ported_inner_part": "lora", "ported_outer_part": "prefix_tuning"}


@pytest.fixture(scope="module")
def moved(ground, tmp_path_factory):
    """Modules of two techniques, trained in one host, and what starts in the other."""
    folder = tmp_path_factory.mktemp("parts")
    trained = stages.train(ground, "raw", folder / "state", TECHNIQUE)
    modules = {seed: folder / f"module-{seed}" for seed in stages.SEEDS}
    extract_modules(trained["state"], trained["config"], modules, stages.MADE)
    cards = {"source": ground / "raw.json", "target": ground / "instruct.json"}
    for kind in (*KINDS, "ported"):
        make_starts(kind, modules, {}, cards, starts(folder, kind), {})
    initialise_scratch(cards["target"], TECHNIQUE, starts(folder, "scratch"), {})
    return folder


def starts(folder, kind):
    return {seed: folder / kind / f"seed-{seed}" for seed in stages.SEEDS}


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(ground, moved, tmp_path):
    def job(checkpoint):
        return stages.train(ground, "raw", tmp_path / "again", TECHNIQUE, checkpoint=checkpoint)

    outputs, times = stages.in_pieces(tmp_path / "checkpoint", 3, job)
    assert times > 1
    assert outputs["state"].read_bytes() == (moved / "state" / outputs["state"].name).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_completes_a_start_of_one_part_with_what_scratch_has(ground, moved, tmp_path, kind):
    found = stages.evaluate(ground, "instruct", starts(moved, kind), [0, 2], technique=TECHNIQUE)
    whole = {}
    for seed in stages.SEEDS:
        ported, scratch = (read_module(starts(moved, name)[seed]) for name in ("ported", "scratch"))
        for name, tensor in ported.tensors.items():
            scratch.tensors[name] = tensor if part_of(name) == KINDS[kind] else scratch.tensors[name]
        whole[seed] = tmp_path / str(seed)
        write_module(whole[seed], scratch)
    wanted = stages.evaluate(ground, "instruct", whole, [0, 2], technique=TECHNIQUE)
    pd.testing.assert_frame_equal(found["predictions"], wanted["predictions"], check_exact=True)
    other = stages.evaluate(ground, "instruct", starts(moved, "ported"), [0, 2], technique=TECHNIQUE)
    assert not found["predictions"]["log_likelihood"].equals(other["predictions"]["log_likelihood"])


def test_scratch_is_what_the_technique_begins_with_in_the_host(ground, moved):
    begun = read_module(starts(moved, "scratch")[0]).tensors
    fresh = module_tensors(attach(load_model(ground / "hosts/instruct"), "hybrid", TECHNIQUE, seed=0))
    assert begun.keys() == fresh.keys()
    assert all(np.array_equal(tensor, fresh[name]) for name, tensor in begun.items())
