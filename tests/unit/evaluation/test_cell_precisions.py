"""A host and its variant in bfloat16, through the stages: cards, what computed a row, zero-shot of a moved module."""

from pathlib import Path

import numpy as np
import pytest

from peftport.compute.computed_by import computed_by
from peftport.costs.measure import measured_in
from peftport.hosts.identify import identify_host
from peftport.hosts.settings import HostSettings
from peftport.porting.compatibility import notes, refuse_unless_compatible
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.train_source import TrainSource
from peftport.storage.cards import read_card, write_card
from peftport.study.config import read_settings
from peftport.study.study import Study
from peftport.training.extract import extract_modules
from tests import studies
from tests.ground import MADE, NAMES, TRAINING, encode, evaluate, modules, prompts, train

ENDS = {"technique": "lora", "source_dataset": "film", "target_dataset": "film", "block": "0"}


def asked(folder):
    """A study with the transfer from a host to its variant, and back."""
    ends = [{"source": "raw", "target": "half"}, {"source": "half", "target": "raw"}]
    config = studies.smoke_config(folder / "hosts", techniques=["lora"], transfers=ends)
    path = str(folder / "hosts/raw")
    config["hosts"] = {"raw": {"path": path}, "half": {"path": path, "precision": "bfloat16"}}
    return Study(read_settings(config))


@pytest.fixture(scope="module")
def half(ground, tmp_path_factory):
    """A folder with the variant's card and prompts, and its own source modules."""
    folder, study = tmp_path_factory.mktemp("half"), asked(ground)
    settings = study.config.hosts["half"]
    place = Path(settings.path)
    write_card(folder / "half.json", identify_host("half", HostSettings(**settings.as_json()), place))
    encode(folder, "half", ground)
    section = TrainSource("lora", "half", "film", "0").settings(study)["training"]
    outputs = train(folder, "half", folder / "half", training=TRAINING | {"host_precision": section["host_precision"]})
    extract_modules(outputs["state"], outputs["config"], modules(folder, "half"), MADE)
    return folder


def zero_shot(ground, folder, source, target, starts):
    cell = {"source_host": source, "target_host": target, "initialisation": "ported"}
    section = EvaluateCell(**ENDS | cell).settings(asked(ground))["training"]
    return evaluate(folder, target, starts, [0], NAMES | cell, training=TRAINING | section)


def test_the_card_says_the_precision_and_is_else_that_of_the_host(ground, half):
    plain, own = read_card(ground / "raw.json"), read_card(half / "half.json")
    assert (own["precision"], own["origin"]["precision"]) == ("bfloat16", "bfloat16") and "precision" not in plain
    assert (measured_in(own), measured_in(plain)) == ("bfloat16", "float32")
    different = {name for name in own if own[name] != plain.get(name)}
    assert different == {"host", "origin", "precision"}
    refuse_unless_compatible(plain, own)
    assert notes(plain, own) == ["precision: that of the study against bfloat16; modules are in float32 on both"]


def test_prompts_of_a_variant_are_those_of_its_host(ground, half):
    ours, theirs = prompts(half, "half")["test"], prompts(ground, "raw")["test"]
    assert ours.read_bytes() == theirs.read_bytes()


def test_a_module_that_is_ported_between_precisions(ground, half):
    """It is tested in the numbers of its target host: near to what it is in its source host, and not equal to it."""
    there = zero_shot(ground, half, "raw", "half", modules(ground, "raw"))
    back = zero_shot(ground, ground, "half", "raw", modules(half, "half"))
    native = zero_shot(ground, ground, "raw", "raw", modules(ground, "raw"))
    for tables, dtype in ((there, "bfloat16"), (back, "float32"), (native, "float32")):
        assert all((tables["scores"][name] == fact).all() for name, fact in computed_by(dtype).items())
        assert (tables["scores"]["budget_steps"] == 0).all()
    for tables in (there, back):
        ours, theirs = (one["predictions"]["log_likelihood"].to_numpy() for one in (tables, native))
        np.testing.assert_allclose(ours, theirs, atol=0.05)
        assert (ours != theirs).any()
