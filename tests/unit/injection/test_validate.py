"""Module directories that do not fit are refused with what differs, and the host stays as it was."""

import json
import pickle
import struct

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from peftport.injection.attach import attach, attach_module, config_dict, module_tensors
from peftport.storage.cards import read_card, write_card
from peftport.storage.files import file_digest
from peftport.storage.modules import CARD, CONFIG, WEIGHTS, Module, read_module, write_module
from tests.hosts import batch, host
from tests.techniques import SETTINGS


@pytest.fixture(scope="module")
def lora():
    model = attach(host("t5_gated_untied"), "lora", SETTINGS["lora"], seed=0)
    return Module(config_dict(model), module_tensors(model), {"technique": "lora"})


@pytest.fixture
def folder(lora, tmp_path):
    write_module(tmp_path, lora)
    return tmp_path


def renew_checksum(folder):
    """What a damaged copy, made with its card, would have."""
    write_card(folder / CARD, read_card(folder / CARD) | {"weights_sha256": file_digest(folder / WEIGHTS)})


def changed(lora, **fields):
    return Module(lora.config | fields, lora.tensors, lora.card)


# config fields of a LoRA, and what the message says
WRONG_CONFIGS = {
    "a mistyped technique": (
        {"peft_type": "LORRA"},
        "no technique of the peft_type `LORRA`. Did you mean `LORA`[?] Known: ",
    ),
    "one that is not offered": (
        {"peft_type": "ADALORA"},
        r"no technique of the peft_type `ADALORA`.* \(it shares out its rank",
    ),
    "no technique": ({"peft_type": None}, "no technique of the peft_type `None`"),
    "another than the card's": ({"peft_type": "IA3"}, r"card says lora, its adapter_config[.]json says IA3"),
    "a field of another version": ({"rank_of_all": 3}, r"has fields that peft .* does not know: rank_of_all"),
    "a part of the host to train": ({"modules_to_save": ["lm_head"]}, "would change the host: modules_to_save is"),
    "biases of the host": ({"bias": "all"}, "would change the host: bias is 'all'"),
    "a start that changes weights": ({"init_lora_weights": "pissa"}, "would change the host: init_lora_weights is"),
    "copies of layers": ({"layer_replication": [[0, 2]]}, "would change the host: layer_replication is"),
    "a size beyond its tensors": ({"r": 10**12}, "says r = 1000000000000, and no tensor of it has that size"),
    "another rank": ({"r": 3}, r"does not fit this host: mis-shaped 24: base.*\(2, 16\), the host needs \(3, 16\)\)"),
    "no rank": ({"r": 0}, "does not fit this host: .*; it has 24: base_model"),
    "a rank that is a word": ({"r": "eight"}, "does not fit this host: .*; it has 24: base_model"),
    "sites that are not there": ({"target_modules": ".*nowhere"}, "does not fit this host: .*; it has 24: base_model"),
    "fewer sites": ({"target_modules": r".*\.q"}, r"does not fit this host: extra 12: base_model.*\.v\.lora_A"),
    "more sites": ({"target_modules": r".*\.[qkv]"}, r"does not fit this host: missing 12: base_model.*\.k\.lora_A"),
}


@pytest.mark.parametrize("case", WRONG_CONFIGS)
def test_a_config_that_does_not_fit_is_refused(lora, case):
    fields, message = WRONG_CONFIGS[case]
    bare, inputs = host("t5_gated_untied"), batch()
    with torch.no_grad():
        wanted = bare(**inputs).logits
        with pytest.raises(ValueError, match=message):
            attach_module(bare, changed(lora, **fields))
        assert torch.equal(bare(**inputs).logits, wanted)
    assert attach_module(bare, lora)  # nothing is left of the one that was refused


@pytest.mark.parametrize("target", ["bert", "gpt2", "llama"])
def test_a_module_of_another_family_is_refused(lora, target):
    bare = host(target)
    with pytest.raises(ValueError, match=r"does not fit this host: .*not found.*; it has 24: base_model\.model\.dec"):
        attach_module(bare, lora)
    assert not hasattr(bare, "peft_config")


def test_all_that_differs_is_listed(lora):
    tensors = dict(lora.tensors)
    first, second, *_ = tensors
    tensors["one_more"] = tensors.pop(first)
    tensors[second] = tensors[second][:, :-1]
    with pytest.raises(ValueError) as error:
        attach_module(host("t5_gated_untied"), Module(lora.config, tensors, lora.card))
    for part in (
        f"missing 1: {first}",
        "extra 1: one_more",
        f"mis-shaped 1: {second} ((16, 1), the host needs (16, 2))",
    ):
        assert part in str(error.value)


def edit_header(folder, **change):
    """Change what the header of the weights says of their first tensor."""
    blob = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8 : 8 + length])
    name = next(name for name in header if name != "__metadata__")
    header[name] |= change
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + blob[8 + length :])


DAMAGES = {
    "cut off": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-9]),
    "cut off in its header": lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:100]),
    "empty": lambda folder: (folder / WEIGHTS).write_bytes(b""),
    "a pickle by another name": lambda folder: (folder / WEIGHTS).write_bytes(pickle.dumps({"a": np.zeros(3)})),
    "a huge header": lambda folder: (folder / WEIGHTS).write_bytes(struct.pack("<Q", 2**60) + b"{}"),
    "a huge tensor": lambda folder: edit_header(folder, shape=[10**9, 10**9]),
    "a tensor that reaches beyond the file": lambda folder: edit_header(folder, data_offsets=[0, 10**15]),
    "an unknown number type": lambda folder: edit_header(folder, dtype="F33"),
    "a number type that numpy has not": lambda folder: save_bfloat16(folder),
}


def save_bfloat16(folder):
    from safetensors.torch import save_file as save

    save({"base_model.model.x.lora_A.weight": torch.zeros(2, 2, dtype=torch.bfloat16)}, folder / WEIGHTS)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_refused(folder, damage):
    DAMAGES[damage](folder)
    with pytest.raises(ValueError, match=r"adapter_model\.safetensors is damaged: its checksum is not the one in card"):
        read_module(folder)
    renew_checksum(folder)
    with pytest.raises(ValueError, match=r"adapter_model\.safetensors is damaged: (?!its checksum)"):
        read_module(folder)


@pytest.mark.parametrize("name", [CONFIG, CARD])
@pytest.mark.parametrize("text", ["{", "[1]", "null", "\xff\xfe", '{"a": 1} x'])
def test_a_config_or_card_that_is_none_is_refused(folder, name, text):
    (folder / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=rf"{name} is damaged: "):
        read_module(folder)


def test_a_pickle_is_never_read(folder):
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    message = r"adapter_model\.safetensors missing .files that are not read: adapter_model\.bin"
    with pytest.raises(FileNotFoundError, match=message):
        read_module(folder)


def test_weights_of_another_module_are_refused(folder):
    save_file({"other": np.zeros(3, np.float32)}, folder / WEIGHTS)
    renew_checksum(folder)
    with pytest.raises(ValueError, match=r"missing 24: .*; extra 1: other"):
        attach_module(host("t5_gated_untied"), read_module(folder))
