"""What ``attach`` promises beside the laws of the matrix."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from peftport.injection.attach import (
    attach,
    attach_module,
    config_dict,
    detach,
    load_tensors,
    module_tensors,
    trainable_parameters,
)
from peftport.storage.modules import Module
from tests.hosts import batch, host
from tests.techniques import SETTINGS

T5_BASE = {"d_model": 768, "d_kv": 64, "d_ff": 2048, "num_heads": 12, "num_layers": 12, "vocab_size": 32128}
PUBLISHED = [
    ("lora", {"rank": 8, "alpha": 8, "dropout": 0.0, "targets": ["q", "v"]}, 884_736),
    ("adapters", SETTINGS["adapters"] | {"reduction_factor": 16}, 3_578_112),
    ("compacter", SETTINGS["compacter"] | {"reduction_factor": 32}, 114_112),
    ("prefix_tuning", SETTINGS["prefix_tuning"] | {"length": 30, "reparameterisation": None}, 1_658_880),
    ("ia3", SETTINGS["ia3"], 104_448),
]
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("name", "settings", "wanted"), PUBLISHED)
def test_attached_sizes_are_the_published_ones(name, settings, wanted):
    with torch.device("meta"):
        base = T5ForConditionalGeneration(T5Config(**T5_BASE, feed_forward_proj="gated-gelu"))
    model = attach(base, name, settings)
    assert sum(parameter.numel() for parameter in trainable_parameters(model).values()) == wanted


@pytest.mark.parametrize("name", SETTINGS)
def test_initialisation_depends_on_the_seed_only(name):
    def made(ambient: int) -> dict[str, np.ndarray]:
        bare = host("t5_gated_untied", seed=ambient)
        torch.manual_seed(ambient)
        before = torch.random.get_rng_state()
        model = attach(bare, name, SETTINGS[name], seed=3)
        assert torch.equal(before, torch.random.get_rng_state())
        return module_tensors(model)

    one, other = made(1), made(2)
    assert all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", SETTINGS)
def test_frozen_modules_ask_for_no_gradients(name):
    assert trainable_parameters(attach(host("t5_gated_untied"), name, SETTINGS[name], seed=0, trainable=False)) == {}


def test_a_host_holds_one_module_at_a_time():
    bare = host("t5_gated_untied")
    model = attach(bare, "lora", SETTINGS["lora"], seed=0)
    with pytest.raises(ValueError, match="has a module already"):
        attach(bare, "adapters", SETTINGS["adapters"], seed=0)
    with pytest.raises(ValueError, match="has a module already"):
        attach_module(model, Module(config_dict(model), module_tensors(model), {}))
    attach(detach(model), "adapters", SETTINGS["adapters"], seed=0)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_host_can_be_used_again_and_again(name):
    bare, inputs = host("t5_gated_untied"), batch()
    with torch.no_grad():
        wanted = attach(host("t5_gated_untied"), name, SETTINGS[name], seed=1).eval()(**inputs).logits
        for other in SETTINGS:
            bare = detach(attach(bare, other, SETTINGS[other], seed=2))
        assert bare.config._attn_implementation == "sdpa"
        assert bare.config.use_cache
        assert torch.equal(attach(bare, name, SETTINGS[name], seed=1).eval()(**inputs).logits, wanted)


def test_refused_tensors_change_nothing():
    model = attach(host("t5_gated_untied"), "adapters", SETTINGS["adapters"], seed=0)
    before = module_tensors(model)
    changed = {name: tensor + 1 for name, tensor in before.items()}
    first, second, *_ = changed
    changed["extra.tensor"] = changed.pop(first)
    changed[second] = changed[second][:-1]
    with pytest.raises(ValueError) as error:
        load_tensors(model, changed)
    assert all(part in str(error.value) for part in (f"missing 1: {first}", "extra 1: extra.tensor", f"1: {second} ("))
    assert all(np.array_equal(before[name], tensor) for name, tensor in module_tensors(model).items())


def test_tensors_are_copies_and_loading_keeps_the_parameters():
    model = attach(host("t5_gated_untied"), "compacter", SETTINGS["compacter"], seed=0)
    tensors, parameters = module_tensors(model), trainable_parameters(model)
    load_tensors(model, {name: np.full_like(tensor, 2.0) for name, tensor in tensors.items()})
    assert all(not (tensor == 2.0).all() for tensor in tensors.values())
    assert all(trainable_parameters(model)[name] is parameter for name, parameter in parameters.items())
    assert all((parameter == 2.0).all() for parameter in parameters.values())


def test_unknown_things_are_refused():
    with pytest.raises(ValueError, match=r"no technique `lorra`. Did you mean `lora`\?"):
        attach(host("bert"), "lorra", {})
    with pytest.raises(ValueError, match="no technique of the peft_type ``"):
        attach_module(host("bert"), Module({}, {}, {}))
    with pytest.raises(ValueError, match="no sites qkv; they have"):
        attach(host("bert"), "lora", SETTINGS["lora"] | {"targets": ["qkv"]}, seed=0)
    with pytest.raises(ValueError, match="have no sites attention_block"):
        attach(host("gpt2"), "tiny_attention", SETTINGS["tiny_attention"], seed=0)
    with pytest.raises(ValueError, match="take no prompt"):
        attach(host("bert"), "prompt_tuning", SETTINGS["prompt_tuning"], seed=0)
    with pytest.raises(ValueError, match=r"lacks sites, 4: encoder\.block\.0\.layer\.1\.DenseReluDense\.wi, "):
        attach(host("t5_gated_untied"), "lora", SETTINGS["lora"] | {"targets": ["wi"]}, seed=0)


@pytest.mark.parametrize(("name", "target"), [("compacter", "t5_gated_untied"), ("adapters", "bert"), ("lora", "gpt2")])
def test_a_module_for_other_hosts_is_refused_and_the_host_is_bare_again(name, target):
    model = attach(host("t5_gated_untied"), name, SETTINGS[name], seed=0)
    config = config_dict(model) | ({"division": 3} if name == "compacter" else {})
    bare, inputs = host(target), batch(encoder_decoder=target.startswith("t5"))
    with torch.no_grad():
        wanted = bare(**inputs).logits
        with pytest.raises(ValueError, match="the module does not fit this host: "):
            attach_module(bare, Module(config, module_tensors(model), {}))
        assert torch.equal(bare(**inputs).logits, wanted)
    settings = SETTINGS[name] | ({"targets": ["qkv"]} if target == "gpt2" else {})
    attach(bare, name, settings, seed=0)


def test_what_is_not_given_is_the_default_and_what_is_unknown_is_named():
    assert config_dict(attach(host("bert"), "lora", {"rank": 2}, seed=0))["lora_alpha"] == 16
    with pytest.raises(ValueError, match=r"1 validation error for LoraSettings\nalfa"):
        attach(host("bert"), "lora", {"alfa": 2}, seed=0)


SCRIPT = """
import json, sys
from peftport.injection.attach import attach, config_dict
from tests.hosts import host
from tests.techniques import SETTINGS
configs = {n: config_dict(attach(host("t5_gated_untied"), n, s, seed=0), "host-name") for n, s in SETTINGS.items()}
print(json.dumps(configs))
"""


@pytest.mark.slow
def test_configs_are_the_same_in_every_process():
    """In this one, and in one that orders its sets otherwise."""
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "PYTHONHASHSEED": "1"}
    assert os.environ.get("PYTHONHASHSEED") != "1"
    command, said = [sys.executable, "-W", "ignore", "-c", SCRIPT], {"capture_output": True, "text": True}
    ran = subprocess.run(command, env=os.environ | paths, check=True, **said)
    configs = {n: config_dict(attach(host("t5_gated_untied"), n, s, seed=0), "host-name") for n, s in SETTINGS.items()}
    assert ran.stdout == json.dumps(configs) + "\n"
    assert all(config["base_model_name_or_path"] == "host-name" for config in configs.values())
    assert all(list(config) == sorted(config) for config in configs.values())
    assert configs["adapters"]["peft_type"] == "HOULSBY"
