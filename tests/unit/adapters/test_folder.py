"""A plain PEFT folder is read as it is, whatever floats it holds; what is none is refused with one message."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from peftport.adapters.folder import AdapterError, not_finite, read_adapter, read_weights
from peftport.storage.modules import CONFIG, WEIGHTS
from tests.adapters import copied, lora_on_disk, save_lora


@pytest.fixture
def plain(tmp_path_factory):
    return lora_on_disk(tmp_path_factory, "llama")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_plain_peft_saves_is_read_as_torch_reads_it(dtype, tmp_path):
    save_lora("llama", tmp_path, dtype)
    adapter, there = read_adapter(tmp_path), load_file(tmp_path / WEIGHTS)
    assert adapter.config == json.loads((tmp_path / CONFIG).read_text())
    assert {name: fact.shape for name, fact in adapter.tensors.items()} == {n: tuple(t.shape) for n, t in there.items()}
    weights = read_weights(adapter)
    assert weights and all(np.array_equal(weights[name], there[name].float().numpy()) for name in there)
    assert not_finite(weights) == []


def test_numbers_that_are_none_are_named(plain, tmp_path):
    def spoil(tensors):
        first, second, *_ = sorted(tensors)
        tensors[first][0, 0], tensors[second][0, 0] = np.nan, np.inf
        return tensors

    weights = read_weights(read_adapter(copied(plain, tmp_path, spoil)))
    assert not_finite(weights) == sorted(weights)[:2]


def test_a_folder_that_is_not_there():
    with pytest.raises(AdapterError, match=r"someone/adapter is not there; expected a folder .*nothing is fetched"):
        read_adapter("someone/adapter")


def test_pickled_weights_are_not_read(plain, tmp_path):
    copied(plain, tmp_path)
    (tmp_path / WEIGHTS).rename(tmp_path / "adapter_model.bin")
    with pytest.raises(AdapterError, match=r"has no adapter_model.safetensors; pickled files are not read .*save it"):
        read_adapter(tmp_path)


def test_a_folder_of_checkpoints_names_them(plain, tmp_path):
    copied(plain, tmp_path / "checkpoint-10")
    with pytest.raises(AdapterError, match="adapters lie in its folders checkpoint-10"):
        read_adapter(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected a mapping of peft's fields, got list"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("{}" + " " * 2**22, "expected a config of at most"),
    ],
)
def test_a_config_that_is_none(text, message, plain, tmp_path):
    (copied(plain, tmp_path) / CONFIG).write_text(text)
    with pytest.raises(AdapterError, match=message):
        read_adapter(tmp_path)


def test_no_message_asks_to_remove_a_file(plain, tmp_path):
    (copied(plain, tmp_path) / WEIGHTS).write_bytes((plain / WEIGHTS).read_bytes()[:-3])
    with pytest.raises(AdapterError, match=r"adapter_model.safetensors was cut short: its header declares") as raised:
        read_adapter(tmp_path)
    assert not {"delete", "remove", "move"} & set(str(raised.value).lower().split())


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_a_link_out_of_the_folder(name, plain, tmp_path):
    folder = copied(plain, tmp_path / "adapter")
    (folder / name).rename(tmp_path / "elsewhere")
    os.symlink("../elsewhere", folder / name)
    with pytest.raises(AdapterError, match=f"{name} is a link out of its folder"):
        read_adapter(folder)


def test_links_within_a_folder_and_within_a_hub_cache(plain, tmp_path):
    commit, blobs = tmp_path / "snapshots" / "0123", tmp_path / "blobs"
    shutil.copytree(plain, blobs)
    commit.mkdir(parents=True)
    for name in (CONFIG, WEIGHTS):
        os.symlink(f"../../blobs/{name}", commit / name)
    os.symlink(commit, tmp_path / "by-name")
    assert read_adapter(commit).tensors == read_adapter(tmp_path / "by-name").tensors == read_adapter(plain).tensors


def test_a_link_in_a_circle_and_a_pipe(plain, tmp_path):
    folder = copied(plain, tmp_path)
    (folder / CONFIG).unlink()
    os.symlink(CONFIG, folder / CONFIG)
    with pytest.raises(AdapterError, match=r"adapter_config\.json"):
        read_adapter(folder)
    (folder / CONFIG).unlink()
    os.mkfifo(folder / CONFIG)
    with pytest.raises(AdapterError, match=r"adapter_config\.json is no file"):
        read_adapter(folder)
