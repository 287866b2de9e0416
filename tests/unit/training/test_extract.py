"""From a trained state to module directories, without torch."""

import pytest
from safetensors.numpy import load_file

from peftport.storage.cards import read_card, write_card
from peftport.storage.modules import read_module
from peftport.storage.parquet import read_provenance, read_table
from peftport.training.extract import extract_modules
from tests.ground import MADE, TECHNIQUE, modules


def test_a_module_is_its_seeds_part_of_the_state(ground):
    state = load_file(ground / "raw/state.safetensors")
    for seed, folder in modules(ground, "raw").items():
        module = read_module(folder)
        assert {f"{seed}/{name}" for name in module.tensors} == {n for n in state if n.startswith(f"{seed}/")}
        assert all(tensor.tobytes() == state[f"{seed}/{name}"].tobytes() for name, tensor in module.tensors.items())
        assert module.config == read_card(ground / "raw/state.json")["adapter_config"]


def test_the_card_says_what_it_is_and_for_which_host(ground):
    card, host = read_module(modules(ground, "raw")[1]).card, read_card(ground / "raw.json")
    expected = {
        "technique": "lora",
        "settings": TECHNIQUE,
        "note": None,
        "host": "raw",
        "host_model_type": "t5",
        "host_shape": host["shape"],
        "host_sha256": host["weights_sha256"],
        "dataset": "film",
        "seed": 1,
        "learning_rate": TECHNIQUE["learning_rate"],
        "source_key": MADE["key"],
    }
    assert expected.items() <= card.items()


def test_the_card_of_what_replaces_host_values_says_so(ground, tmp_path):
    facts = read_card(ground / "raw/state.json")
    facts["technique"] |= {"method": "peft", "peft_type": "LN_TUNING"}
    write_card(tmp_path / "state.json", facts)
    extract_modules(ground / "raw/state.safetensors", tmp_path / "state.json", {0: tmp_path / "module"}, MADE)
    assert "stand in their place" in read_module(tmp_path / "module").card["note"]


def test_every_tensor_has_its_row(ground):
    folder = modules(ground, "instruct")[0]
    table, module = read_table(folder / "tensors.parquet", "tensors"), read_module(folder)
    assert table["name"].tolist() == list(module.tensors)
    assert table["entries"].sum() == module.card["parameters"]
    assert set(table["stack"]) == {"encoder", "decoder"} and set(table["layer"]) == {0, 1}
    for row in table.itertuples():
        assert row.norm == pytest.approx(float((module.tensors[row.name].astype(float) ** 2).sum() ** 0.5))
    assert read_provenance(folder / "tensors.parquet")["key"] == MADE["key"]


def test_a_damaged_state_is_named_and_nothing_is_written(ground, tmp_path):
    state = tmp_path / "state.safetensors"
    state.write_bytes((ground / "raw/state.safetensors").read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"state.safetensors is damaged"):
        extract_modules(state, ground / "raw/state.json", {0: tmp_path / "module"}, MADE)
    assert not (tmp_path / "module").exists()


def test_a_seed_that_is_not_there_is_named(ground, tmp_path):
    """Seed 1 is there; 10 and 11 begin like it."""
    for seed in (2, 10, 11):
        with pytest.raises(ValueError, match=f"holds no module of seed {seed}"):
            extract_modules(
                ground / "raw/state.safetensors", ground / "raw/state.json", {seed: tmp_path / "module"}, MADE
            )
