"""A small study between hosts of unequal width and depth: modules are carried by a map, to the report."""

import copy
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
from tests.once import once

SHAPE = {"d_model": 24, "d_ff": 40, "heads": 3, "layers": 3, "vocabulary": 400}
KINDS = ["ported", "ported_half", "wrong_layers", "shuffled_map", "random_basis", "scratch"]
PAIR = "raw--wide/weight_match"


def config():
    wide = copy.deepcopy(studies.RAW) | {"shape": SHAPE}
    grid = {
        "transfers": [{"source": "raw", "target": "wide", "map": "weight_match"}],
        "initialisations": KINDS,
        "budgets": [0, 2],
    }
    config = studies.smoke_config(studies.ROOT, **grid)
    return config | {
        "hosts": {"raw": {"build": copy.deepcopy(studies.RAW)}, "wide": {"build": wide}},
        "maps": {"weight_match": {}},
    }


@pytest.fixture(scope="session")
def mapped(tmp_path_factory):
    """The study when it has run, to read only."""

    def fill(folder):
        studies.write_config(folder, config())
        out = studies.run(folder)
        assert out.returncode == 0, out.stdout

    return once(tmp_path_factory, "mapped", fill)


def start(folder, technique, kind):
    return read_module(folder / studies.RESULTS / f"starts/{technique}/{PAIR}/film/{kind}/seeds-0/seed-0")


def test_the_tables_say_how_modules_were_carried(mapped):
    runs, references, portability, contrasts = studies.read_tables(
        mapped, "runs", "references", "portability", "contrasts"
    )
    assert set(runs["map"]) == set(portability["map"]) == set(contrasts["map"]) == {"weight_match"}
    assert set(references["map"]) == {"any"}
    assert len(runs) == 2 * len(KINDS) * 2
    assert not runs["accuracy"].isna().any()


def test_the_map_is_of_both_hosts_and_starts_are_of_the_targets_shape(mapped):
    folder = mapped / studies.RESULTS / f"maps/{PAIR}"
    correspondence, card = read_correspondence(folder), read_card(folder / "card.json")
    assert {stack: len(rows) for stack, rows in correspondence.layers.items()} == {"encoder": 3, "decoder": 3}
    assert card["method"] == "weight_match" and card["key"]
    assert (card["computed_by"]["device"], card["computed_by"]["dtype"]) == ("cpu", "float64")
    assert read_card(mapped / studies.RESULTS / "hosts/transfers/raw--wide/weight_match.json")["verdict"] == "map"
    for technique in ("lora", "adapters"):
        fresh = read_module(mapped / studies.RESULTS / f"starts/{technique}/wide/scratch/seeds-0/seed-0")
        made = {kind: start(mapped, technique, kind) for kind in KINDS[:-1]}
        assert all(module.shapes() == fresh.shapes() for module in made.values())
        assert {module.card["map"] for module in made.values()} == {"weight_match"}
        sizes = {kind: norm(module) for kind, module in made.items()}
        assert sizes["ported_half"] == pytest.approx(sizes["ported"] / 2, rel=1e-4)
        assert sizes["random_basis"] == pytest.approx(sizes["ported"], rel=1e-4)


def test_an_adapter_ported_by_the_map_is_what_the_study_starts_from(mapped, tmp_path):
    folder, out = mapped / studies.RESULTS, tmp_path / "out"
    old, new = (str(folder / f"hosts/{name}/model") for name in ("raw", "wide"))
    adapter = str(folder / "modules/lora/raw/film/seeds-0/seed-0")
    assert port_command([adapter, "--from", old, "--to", new, "--map", "weight_match", "--out", str(out)]) == 0
    ported, started = read_module(out), start(mapped, "lora", "ported")
    assert ported.tensors.keys() == started.tensors.keys()
    for name, tensor in started.tensors.items():
        np.testing.assert_array_equal(ported.tensors[name], tensor, err_msg=name)
    host = AutoModelForSeq2SeqLM.from_pretrained(new)
    loaded = get_peft_model_state_dict(PeftModel.from_pretrained(host, out))
    assert {name: tuple(tensor.shape) for name, tensor in loaded.items()} == started.shapes()


def norm(module):
    """Norm of what the low-rank products of a module add."""
    from peftport.porting.sampled_product import update_norm

    downs = [name for name in module.tensors if name.endswith(("lora_A.weight", "down_weight"))]
    ups = [name.replace("lora_A", "lora_B").replace("down_weight", "up_weight") for name in downs]
    return np.sqrt(sum(update_norm(module.tensors[d], module.tensors[u]) ** 2 for d, u in zip(downs, ups, strict=True)))


def test_the_report_says_how_modules_were_carried(mapped):
    page = (mapped / studies.RESULTS / "report.html").read_text()
    section = re.search(r"<h2>How modules were carried</h2>(.*?)<h2>", page, re.DOTALL)[1]
    assert "raw \N{RIGHTWARDS ARROW} wide (weight_match)" in section
    assert "shared tokens" in section and "encoder: 0, " in section


def test_a_second_run_has_nothing_to_do_and_the_files_are_whole(mapped):
    assert "Nothing to be done" in studies.run(mapped, "--dry-run").stdout
    out = studies.peftport("verify", "study.yaml", folder=mapped)
    assert out.returncode == 0, out.stdout
