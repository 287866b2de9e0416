"""Hosts from GGUF files and from pickled weights."""

import json
import os
import pickle
import shutil

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from peftport.host_building.convert import convert_host
from peftport.host_building.from_pickle import unpickled
from peftport.host_building.unpickle import write_tensors
from peftport.hosts.identify import identify_host
from peftport.hosts.load import load_model, load_tokenizer
from peftport.hosts.locate import BUNDLED, pickled_files
from peftport.hosts.settings import HostSettings
from peftport.storage.files import file_digest, file_digests
from tests.other_formats import gguf_name, gguf_tensors, llama, pickle_weights, write_gguf

IDS = torch.tensor([[5, 9, 40, 12, 100, 7]])


def settings(**entry):
    return HostSettings.model_validate(entry)


@pytest.mark.parametrize("tied", [True, False])
def test_a_gguf_file_of_full_precision_answers_as_its_host(tmp_path, tied):
    model = llama(tied=tied)
    file = write_gguf(tmp_path / "host.gguf", model)
    note = convert_host(settings(gguf={"file": str(file)}), tmp_path / "made")
    assert note["converted"] == {
        "format": "gguf",
        "type": "F32",
        "types": {"F32": 11 + (not tied)},
        "files": {"host.gguf": file_digest(file)},
    }
    assert note["files"] == file_digests(tmp_path / "made", os.listdir(tmp_path / "made"))
    copy = load_model(tmp_path / "made")
    assert (copy.lm_head.weight is copy.model.embed_tokens.weight) == tied
    assert torch.equal(copy(IDS).logits, model(IDS).logits)


def test_a_quantised_file_gives_what_its_blocks_say(tmp_path):
    model, kind = llama(), gguf.GGMLQuantizationType.Q4_1
    file = write_gguf(tmp_path / "host.gguf", model, "Q4_1")
    (tmp_path / "tokenizer.json").write_text("{}")  # what lies beside the file is not read
    host, folder = settings(gguf={"file": str(file)}), tmp_path / "made"
    note = convert_host(host, folder)
    made = load_file(folder / "model.safetensors")
    for name in ("model.layers.0.mlp.up_proj.weight", "model.layers.0.self_attn.v_proj.weight"):
        said = gguf.dequantize(gguf.quantize(gguf_tensors(model)[gguf_name(name)], kind), kind)
        assert np.array_equal(made[name].numpy(), said)
        assert not np.array_equal(said, gguf_tensors(model)[gguf_name(name)])
    tokenizer = load_tokenizer(folder)
    assert tokenizer.decode(tokenizer("go on", add_special_tokens=False)["input_ids"]) == "go on"
    assert tokenizer.convert_tokens_to_ids("go") == tokenizer("go", add_special_tokens=False)["input_ids"][0]
    card = identify_host("smol", host, folder, note["files"], note["converted"])
    assert card["converted"]["type"] == "Q4_1" and card["model_type"] == "llama"


def test_a_tensor_without_a_place_is_refused(tmp_path, monkeypatch):
    model, more = llama(), {"blk.7.ffn_up.weight": np.zeros((64, 32), np.float32)}
    tensors = gguf_tensors(model) | more
    monkeypatch.setattr("tests.other_formats.gguf_tensors", lambda _: tensors)
    file = write_gguf(tmp_path / "host.gguf", model)
    with pytest.raises(ValueError, match="has 12 tensors, and the host has 11"):
        convert_host(settings(gguf={"file": str(file)}), tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.fixture
def bundled(tmp_path):
    return shutil.copytree(BUNDLED / "reviews-raw", tmp_path / "host")


@pytest.mark.parametrize(("parts", "zipped"), [(1, True), (3, False)])
def test_pickled_weights_become_the_same_tensors(bundled, tmp_path, parts, zipped):
    tensors = pickle_weights(bundled, parts, _use_new_zipfile_serialization=zipped)
    sources = [path.name for path in pickled_files(bundled)]
    host, folder = settings(path=str(bundled), convert=True), tmp_path / "made"
    note = convert_host(host, folder)
    assert note["converted"] == {"format": "pickle", "files": file_digests(bundled, sources)} and len(sources) == parts
    made = {}
    for file in folder.glob("*.safetensors"):
        made |= load_file(file)
    assert made.keys() == tensors.keys() and all(torch.equal(made[name], tensors[name]) for name in tensors)
    assert not list(folder.glob("*.bin*"))
    card = identify_host("raw", host, folder, note["files"], note["converted"])
    assert (
        card["tokenizer_sha256"]
        == identify_host("raw", settings(bundled="reviews-raw"), BUNDLED / "reviews-raw")["tokenizer_sha256"]
    )


def test_tensors_that_share_memory_are_all_written(tmp_path):
    shared = torch.arange(6.0).reshape(2, 3)
    torch.save({"a": shared, "b": shared, "c": shared.T}, tmp_path / "pytorch_model.bin")
    write_tensors(torch, tmp_path / "pytorch_model.bin", tmp_path / "out.safetensors")
    made = load_file(tmp_path / "out.safetensors")
    assert torch.equal(made["a"], shared) and torch.equal(made["b"], shared) and torch.equal(made["c"], shared.T)


class _Hostile:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (self.file, "w")


@pytest.mark.parametrize("way", ["pickle", "torch", "beside tensors"])
def test_a_hostile_pickle_is_refused_and_nothing_runs(bundled, tmp_path, way):
    trace, file = tmp_path / "trace", bundled / "pytorch_model.bin"
    (bundled / "model.safetensors").unlink()
    bad = _Hostile(str(trace))
    if way == "pickle":
        file.write_bytes(pickle.dumps(bad))
    else:
        torch.save(bad if way == "torch" else {"a": torch.zeros(2), "b": bad}, file)
    torch_would = pickle.loads if way == "pickle" else lambda _: torch.load(file, weights_only=False)
    torch_would(file.read_bytes())
    assert trace.exists()  # the file is as hostile as it should be
    trace.unlink()
    with pytest.raises(ValueError, match="it cannot be read as tensors alone"):
        write_tensors(torch, file, tmp_path / "made")
    if way == "beside tensors":  # as a job does it
        with pytest.raises(ValueError, match=r"pytorch_model\.bin: it cannot be read as tensors alone"):
            convert_host(settings(path=str(bundled), convert=True), tmp_path / "made")
    assert not trace.exists() and not (tmp_path / "made").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["host"]


def test_a_small_file_that_grows_is_ended(tmp_path):
    file = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.zeros(1).expand(1 << 20, 1 << 12)}, file)  # 16 GiB of zeros
    with pytest.raises(ValueError, match="needs more memory than its size explains"):
        unpickled({file: tmp_path / "out.safetensors"})
    assert not (tmp_path / "out.safetensors").exists()


def test_one_that_takes_too_long_is_ended(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="took more than 1 s, and was ended"):
        unpickled({tmp_path / "pytorch_model.bin": tmp_path / "out.safetensors"}, seconds=0.01)


def test_other_things_than_tensors_are_refused(tmp_path):
    torch.save({"a": torch.zeros(1), "step": 5}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="expected names with dense tensors, got int under 'step'"):
        write_tensors(torch, tmp_path / "pytorch_model.bin", tmp_path / "out.safetensors")


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"weight_map": {"a": "../secret.bin"}}, "names '../secret.bin'"),
        ({"weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}, "has no pytorch_model-00001-of-00002.bin"),
        ({"weight_map": []}, "expected `weight_map`"),
        ([], "expected `weight_map`"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path, index, message):
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        pickled_files(tmp_path)


def test_converting_what_needs_no_converting_says_so():
    with pytest.raises(FileNotFoundError, match="take `convert: true` away"):
        pickled_files(BUNDLED / "reviews-raw")
