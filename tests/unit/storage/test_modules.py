import os

import numpy as np
import pytest

from peftport.storage.cards import read_card, write_card
from peftport.storage.files import DamagedFile, file_digest
from peftport.storage.modules import (
    CARD,
    CONFIG,
    WEIGHTS,
    Module,
    fingerprint,
    read_members,
    read_module,
    write_module,
)
from peftport.storage.tensor_table import describe

NAME = "base_model.model.{}.block.{}.layer.0.SelfAttention.q.lora_A.weight"


def module():
    rng = np.random.default_rng(0)
    tensors = {NAME.format(stack, 1): rng.normal(size=(2, 3)).astype(np.float32) for stack in ("decoder", "encoder")}
    tensors["base_model.compacter_rule"] = np.ones((2, 2, 2), np.float32)
    return Module({"peft_type": "LORA", "r": 2}, dict(sorted(tensors.items())), {"technique": "lora", "seed": 0})


def test_a_module_comes_back(tmp_path):
    write_module(tmp_path, module())
    found = read_module(tmp_path)
    assert found.config == module().config
    assert list(found.tensors) == list(module().tensors)
    assert all(found.tensors[name].tobytes() == tensor.tobytes() for name, tensor in module().tensors.items())
    assert found.shapes() == module().shapes()
    assert module().card.items() <= found.card.items()
    assert found.card["parameters"] == 20
    assert found.card["shapes"]["base_model.compacter_rule"] == [2, 2, 2]


def test_equal_modules_are_equal_files(tmp_path):
    first = module()
    second = Module(first.config, dict(reversed(first.tensors.items())), first.card)
    write_module(tmp_path / "a", first)
    write_module(tmp_path / "b", second)
    for name in (CONFIG, WEIGHTS, CARD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_only_three_files_are_left(tmp_path):
    write_module(tmp_path, module())
    assert sorted(os.listdir(tmp_path)) == sorted([CONFIG, WEIGHTS, CARD])


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, CARD])
def test_missing_files_are_named(tmp_path, name):
    write_module(tmp_path, module())
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=name.replace(".", r"\.")):
        read_module(tmp_path)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, CARD])
def test_damaged_files_are_named(tmp_path, name):
    write_module(tmp_path, module())
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=name.replace(".", r"\.") + " is damaged"):
        read_module(tmp_path)


def test_weights_that_are_no_safetensors_are_named(tmp_path):
    write_module(tmp_path, module())
    (tmp_path / WEIGHTS).write_bytes(b"no weights")
    write_card(tmp_path / CARD, read_card(tmp_path / CARD) | {"weights_sha256": file_digest(tmp_path / WEIGHTS)})
    with pytest.raises(ValueError, match="damaged"):
        read_module(tmp_path)


def test_other_weights_than_the_cards_are_refused(tmp_path):
    write_module(tmp_path / "a", module())
    write_module(tmp_path / "b", Module({}, {"one": np.zeros(1, np.float32)}, {}))
    os.replace(tmp_path / "b" / WEIGHTS, tmp_path / "a" / WEIGHTS)
    with pytest.raises(ValueError, match="checksum"):
        read_module(tmp_path / "a")


def test_the_fingerprint_sees_names_shapes_types_and_bits():
    tensors = module().tensors
    prints = {fingerprint(tensors)}
    for change in (np.float64, np.float16):
        prints.add(fingerprint({name: tensor.astype(change) for name, tensor in tensors.items()}))
    prints.add(fingerprint({name + "x": tensor for name, tensor in tensors.items()}))
    prints.add(fingerprint({name: tensor.T for name, tensor in tensors.items()}))
    prints.add(fingerprint({name: tensor + np.float32(1e-6) for name, tensor in tensors.items()}))
    assert len(prints) == 6
    assert fingerprint(dict(reversed(tensors.items()))) in prints


def test_every_tensor_is_described():
    table = describe(module()).set_index("name")
    rule, query = table.loc["base_model.compacter_rule"], table.loc[NAME.format("decoder", 1)]
    assert (rule["stack"], rule["layer"], rule["standard_deviation"], rule["norm"]) == ("shared", -1, 0, 8**0.5)
    assert (query["stack"], query["layer"], query["shape"], query["entries"]) == ("decoder", 1, "2x3", 6)
    tensor = module().tensors[NAME.format("decoder", 1)].astype(float)
    assert query["mean"] == pytest.approx(tensor.mean())
    assert query["norm"] == pytest.approx(np.linalg.norm(tensor))


def members(tmp_path, **changed):
    """Two modules of a block, of which the second is changed, read together."""
    first = module()
    second = {"config": first.config, "tensors": first.tensors, "card": first.card | {"seed": 1}} | changed
    write_module(tmp_path / "seed-0", first)
    write_module(tmp_path / "seed-1", Module(**second))
    return read_members({seed: tmp_path / f"seed-{seed}" for seed in (0, 1)})


def test_members_of_a_block_are_read_together(tmp_path):
    assert {seed: member.card["seed"] for seed, member in members(tmp_path).items()} == {0: 0, 1: 1}


@pytest.mark.parametrize(
    ("changed", "file", "said"),
    [
        ({"config": {"peft_type": "LORA", "r": 3}}, CONFIG, "says other things than the one in seed-0"),
        ({"tensors": {"other": np.ones(2, np.float32)}}, WEIGHTS, "not of the shapes in seed-0"),
        ({"card": {"technique": "lora", "seed": 7}}, CARD, "it is of seed 7, expected 1"),
    ],
)
def test_members_that_are_unlike_are_refused(tmp_path, changed, file, said):
    with pytest.raises(DamagedFile, match=f"seed-1/{file} is damaged: .*{said}"):
        members(tmp_path, **changed)


def test_a_transposed_tensor_is_written_as_it_reads(tmp_path):
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_module(tmp_path, Module({"peft_type": "LORA"}, {"a": turned}, {}))
    assert np.array_equal(read_module(tmp_path).tensors["a"], turned)
