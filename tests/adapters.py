"""Adapters as other people have them: made by plain peft, saved by it, and then changed by hand."""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from peftport.hosts.families.table import family
from peftport.storage.modules import CONFIG, WEIGHTS
from tests.once import once


def host_on_disk(factory, name, seed=0):
    """The folder of a tiny host, as transformers saves it; tests only read it."""
    from tests.hosts import host  # torch, which changed copies do not need

    return once(factory, f"host-{name}-{seed}", lambda folder: host(name, seed).save_pretrained(folder))


def lora_on_disk(factory, name):
    """The folder of a LoRA in queries and values of a tiny host, trained enough to matter; tests only read it."""
    return once(factory, f"lora-{name}", lambda folder: save_lora(name, folder))


def save_lora(name: str, folder: Path, dtype=None, **fields) -> None:
    """Save a LoRA of rank 2 in queries and values with plain peft, with these fields of its config."""
    from peft import LoraConfig, get_peft_model

    from tests.hosts import host, spread_module

    model = host(name)
    kind = family(model.config.model_type)
    kinds = [one for one in ("q", "v", "qkv") if one in kind.sites]
    said = {"r": 2, "lora_alpha": 4, "target_modules": kind.pattern(kinds), "fan_in_fan_out": kind.transposed}
    wrapped = spread_module(get_peft_model(model, LoraConfig(**said | fields)))
    wrapped.to(dtype).save_pretrained(folder)


def lora_of_raw(factory, hosts):
    """The folder of a fresh LoRA of rank 2 and alpha 6 of the host ``raw`` (``tests.studies``); tests only read it."""

    def fill(folder):
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForSeq2SeqLM

        model = AutoModelForSeq2SeqLM.from_pretrained(hosts / "raw")
        get_peft_model(model, LoraConfig(target_modules=["q", "v"], r=2, lora_alpha=6)).save_pretrained(folder)

    return once(factory, "adapter-of-raw", fill)


def copied(folder: Path, target: Path, tensors=None, **fields) -> Path:
    """A copy of an adapter's folder with other fields in its config, and with its tensors put through a function.

    A field that is ``...`` is taken out.
    """
    if target != folder:
        shutil.copytree(folder, target, dirs_exist_ok=True)
    config = json.loads((target / CONFIG).read_text()) | fields
    kept = {name: value for name, value in config.items() if value is not ...}
    (target / CONFIG).write_text(json.dumps(kept))
    if tensors is not None:
        there = {name: np.ascontiguousarray(tensor) for name, tensor in tensors(load_file(target / WEIGHTS)).items()}
        save_file(there, target / WEIGHTS)
    return target
