"""Fitted starts from files: hosts, prompts and modules of ``tests.ground``."""

from pathlib import Path

import pandas as pd
import pytest

from peftport.hosts.load import load_tokenizer
from peftport.matching.starts import TEXTS, Fitting, unlabelled
from peftport.porting.start import Beside, make_starts
from peftport.prompting.task import Task
from peftport.storage.cards import read_card
from peftport.storage.modules import Module, fingerprint, read_module, write_module
from peftport.storage.parquet import read_table, write_table
from peftport.training.extract import extract_modules
from tests import ground as stages
from tests.ground import MADE, SEEDS, TASK, modules, prompts
from tests.techniques import SETTINGS


@pytest.fixture(scope="module")
def trained(ground, tmp_path_factory):
    """Folders of adapters of both seeds, trained in ``raw``."""
    folder = tmp_path_factory.mktemp("adapters")
    technique = {"method": "adapters", "learning_rate": 0.02, "source_steps": None, **SETTINGS["adapters"]}
    outputs = stages.train(ground, "raw", folder, technique)
    found = {seed: folder / f"seed-{seed}" for seed in SEEDS}
    extract_modules(outputs["state"], outputs["config"], found, MADE)
    return found


def data(ground):
    return {"prompts": prompts(ground, "instruct")["train"], "task": TASK}


def made(ground, folders, into, **more):
    cards = {"source": ground / "raw.json", "target": ground / "instruct.json"}
    outputs = {seed: into / str(seed) for seed in folders}
    fit = Fitting(cards["target"], **data(ground) | more)
    make_starts("matched", folders, {}, cards, outputs, {"key": "k"}, Beside(fit))
    return {seed: read_module(folder) for seed, folder in outputs.items()}


def test_a_block_of_starts(ground, trained, tmp_path):
    both = made(ground, trained, tmp_path / "both")
    for seed, start in both.items():
        said = start.card["matching"]
        assert said["converged"] and said["measure"] == "added" and said["passes"] > 1
        assert said["sites"][0]["names"] == ["encoder.block.0.layer.0.dropout"]
        assert all(abs(one["after"] / one["ported"] - 1) < 0.02 for one in said["sites"])
        assert (start.card["key"], start.card["seed"], start.card["initialisation"]) == ("k", seed, "matched")
    assert fingerprint(both[0].tensors) != fingerprint(both[1].tensors)


def test_a_seed_alone_is_the_same_seed_among_others(ground, trained, tmp_path):
    both = made(ground, trained, tmp_path / "both")
    for seed in SEEDS:
        (alone,) = made(ground, {seed: trained[seed]}, tmp_path / f"alone-{seed}").values()
        assert fingerprint(alone.tensors) == fingerprint(both[seed].tensors)
        assert alone.card["matching"] == both[seed].card["matching"]


def test_labels_do_not_matter_and_texts_do(ground, trained, tmp_path):
    table = read_table(data(ground)["prompts"], "prompts")
    turned = table.assign(label=table["label"].map({"positive": "negative", "negative": "positive"}))
    other = table.assign(tokens=[tokens[:4] for tokens in table["tokens"]])
    found = [fingerprint(made(ground, {0: trained[0]}, tmp_path / "given")[0].tensors)]
    for name, one in (("turned", turned), ("other", other)):
        write_table(tmp_path / f"{name}.parquet", pd.DataFrame(one), "prompts")
        start = made(ground, {0: trained[0]}, tmp_path / name, prompts=tmp_path / f"{name}.parquet")[0]
        found.append(fingerprint(start.tensors))
    assert found[0] == found[1] != found[2]


def test_the_first_texts_are_read_longest_first(ground):
    card = read_card(ground / "instruct.json")
    task = Task.for_host(TASK, load_tokenizer(Path(card["folder"])), card)
    batches = unlabelled(task, data(ground)["prompts"])
    rows = [int(row.sum()) for one in batches for row in one["attention_mask"]]
    lengths = [len(tokens) for tokens in read_table(data(ground)["prompts"], "prompts")["tokens"]]
    assert rows == sorted(lengths[:TEXTS], reverse=True)


def test_lora_needs_no_texts_and_a_failed_module_is_handed_on(ground, tmp_path):
    nowhere = {"prompts": tmp_path / "none.parquet"}
    start = made(ground, {0: modules(ground, "raw")[0]}, tmp_path / "lora", **nowhere)[0]
    assert start.card["matching"]["measure"] == "product" and start.card["matching"]["passes"] == 0
    lost = read_module(modules(ground, "raw")[0])
    write_module(tmp_path / "lost", Module(lost.config, lost.tensors, lost.card | {"failed_at_step": 3}))
    handed = made(ground, {0: tmp_path / "lost"}, tmp_path / "handed", **nowhere)[0]
    assert handed.failed_at_step == 3 and "matching" not in handed.card


def test_a_technique_that_does_not_say_what_it_adds_is_refused(ground):
    with pytest.raises(ValueError, match="'LOHA' does not say what its modules add"):
        Fitting(ground / "instruct.json", **data(ground))(
            Module({"peft_type": "LOHA"}, {}, {"technique": "peft"}), None
        )
