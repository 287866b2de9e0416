"""Modules are carried by a map between hosts of unequal width and depth, from the first job to the report."""

import re

import numpy as np
import pytest
from peft import PeftModel, get_peft_model_state_dict
from transformers import AutoModelForSeq2SeqLM

from peftport.adapters.port_command import port_command
from peftport.maps.correspondence import read_correspondence
from peftport.storage.cards import read_card
from peftport.storage.modules import read_module
from tests import studies

pytestmark = pytest.mark.slow

KINDS = {"ported", "sampled", "scratch", "shuffled_map"}


def start(folder, kind):
    """What the module of seed 0 starts from in the target host."""
    return read_module(folder / studies.RESULTS / f"starts/lora/{studies.MAPPED}/film/{kind}/seeds-0-1/seed-0")


def test_the_tables_say_how_modules_were_carried(whole_study):
    runs, references, portability, contrasts = studies.read_tables(
        whole_study, "runs", "references", "portability", "contrasts"
    )
    assert set(runs["map"]) == set(portability["map"]) == set(contrasts["map"]) == {"weight_match"}
    assert set(references["map"]) == {"any"}
    assert set(runs["initialisation"]) == KINDS
    assert len(runs) == len(KINDS) * 2 * 2  # budgets, seeds
    assert not runs["accuracy"].isna().any()


def test_the_map_is_of_both_hosts_and_starts_are_of_the_targets_shape(whole_study):
    results = whole_study / studies.RESULTS
    folder = results / f"maps/{studies.MAPPED}"
    correspondence, card = read_correspondence(folder), read_card(folder / "card.json")
    assert {stack: len(rows) for stack, rows in correspondence.layers.items()} == {"encoder": 2, "decoder": 2}
    assert card["method"] == "weight_match" and card["key"]
    assert (card["computed_by"]["device"], card["computed_by"]["dtype"]) == ("cpu", "float64")
    assert read_card(results / f"hosts/transfers/{studies.MAPPED}.json")["verdict"] == "map"
    source = read_module(results / studies.module_folder("lora", "raw", "film", block="0-1"))
    fresh = read_module(results / "starts/lora/instruct/scratch/seeds-0-1/seed-0")
    carried = [start(whole_study, kind) for kind in sorted(KINDS - {"scratch"})]
    assert all(module.shapes() == fresh.shapes() != source.shapes() for module in carried)
    assert {module.card["map"] for module in carried} == {"weight_match"}
    assert len({module.card["weights_sha256"] for module in carried}) == len(carried)


def test_an_adapter_ported_by_the_map_is_what_the_study_starts_from(whole_study, tmp_path):
    results, out = whole_study / studies.RESULTS, tmp_path / "out"
    old, new = str(results / "hosts/raw/model"), str(whole_study / "mine/instruct")
    adapter = str(results / studies.module_folder("lora", "raw", "film", block="0-1"))
    assert port_command([adapter, "--from", old, "--to", new, "--map", "weight_match", "--out", str(out)]) == 0
    ported, started = read_module(out), start(whole_study, "ported")
    assert ported.tensors.keys() == started.tensors.keys()
    for name, tensor in started.tensors.items():
        np.testing.assert_array_equal(ported.tensors[name], tensor, err_msg=name)
    host = AutoModelForSeq2SeqLM.from_pretrained(new)
    loaded = get_peft_model_state_dict(PeftModel.from_pretrained(host, out))
    assert {name: tuple(tensor.shape) for name, tensor in loaded.items()} == started.shapes()


def test_the_report_says_how_modules_were_carried(whole_study):
    page = (whole_study / studies.RESULTS / "report.html").read_text()
    section = re.search(r"<h2>How modules were carried</h2>(.*?)<h2>", page, re.DOTALL)[1]
    assert "raw \N{RIGHTWARDS ARROW} instruct (weight_match)" in section
    assert "shared tokens" in section and "encoder: 0, " in section
