"""LoRAs between hosts that compute the same and have their projections fused or apart: LLaMA's and Phi-3's."""

import functools

import numpy as np
import pytest
import torch
from transformers import Phi3Config, Phi3ForCausalLM

from peftport.hosts.families.table import family
from peftport.injection.attach import attach, config_dict, detach, module_tensors
from peftport.maps.carry import carry_module
from peftport.maps.laws.law import NotCarried
from peftport.maps.laws.table import law, refusals
from peftport.maps.layouts import Kind, counterparts
from peftport.storage.modules import Module
from tests.carried import alike, answers, ask
from tests.ladder import ids
from tests.reshaped import identity_layers
from tests.tiny import SIZES, VOCABULARY, card, host, logits

FUSED = {"self_attn.qkv_proj": ("q", "k", "v"), "mlp.gate_up_proj": ("gate", "up")}


@functools.cache
def fused():
    """Phi-3's layout of the tiny LLaMA-shaped host: its weights, one below the other."""
    sizes, apart = SIZES["llama"], host("llama").state_dict()
    config = Phi3Config(
        **{"vocab_size": VOCABULARY, "hidden_size": sizes.width, "intermediate_size": sizes.inner, "pad_token_id": 0},
        **{"num_hidden_layers": sizes.layers, "num_attention_heads": sizes.heads, "rms_norm_eps": sizes.eps},
        **{"num_key_value_heads": sizes.key_value_heads, "tie_word_embeddings": False, "attn_implementation": "eager"},
        **{"max_position_embeddings": 64, "original_max_position_embeddings": 64},
    )
    model, new = Phi3ForCausalLM(config).double().eval().requires_grad_(False), {}
    for name in model.state_dict():
        leaf = next((leaf for leaf in FUSED if leaf in name), None)
        parts = [name] if leaf is None else [name.replace(leaf, f"{leaf.split('.')[0]}.{p}_proj") for p in FUSED[leaf]]
        new[name] = torch.cat([apart[part] for part in parts])
    model.load_state_dict(new)
    return model


def lora(model, targets, rank=3):
    """A random LoRA in a host, large enough to matter."""
    attached = attach(model, "lora", {"rank": rank, "alpha": 6, "targets": targets}, seed=3)
    rng, tensors = np.random.default_rng(3), {}
    for name, tensor in module_tensors(attached).items():
        tensors[name] = (tensor + 0.1 * rng.standard_normal(tensor.shape)).astype(np.float32)
    module = Module(config_dict(attached), tensors, {"technique": "lora", "seed": 3})
    detach(attached)
    return module


def carried(module, source, target):
    truth = alike("llama", identity_layers(host("llama")))
    return carry_module(module, "lora", truth, card(source, "source"), card(target, "target"))


def error(source, module, target, new):
    bare, before = logits(source, ids()), ask(source, module, ids())
    return float((ask(target, new, ids()) - before).norm() / (before - bare).norm())


def test_the_two_hosts_compute_the_same():
    there, here = logits(fused(), ids()), logits(host("llama"), ids())
    assert float((there - here).abs().max() / here.abs().max()) < 1e-5


def test_a_fused_update_is_taken_apart_exactly():
    module = lora(fused(), ["qkv", "o", "wi_01", "wo"])
    new = carried(module, fused(), host("llama"))
    assert error(fused(), module, host("llama"), new) < 1e-5
    assert new.config["r"] == 3 and "times_as_wide" not in new.card["carried"]
    layer = "base_model.model.model.layers.1.self_attn"
    same = [new.tensors[f"{layer}.{kind}_proj.lora_A.weight"] for kind in "qkv"]
    assert all(np.array_equal(same[0], other) for other in same)


@pytest.mark.parametrize(
    ("targets", "times"), [(["q", "v"], 2), (["q", "k", "v", "o", "wi_0", "wi_1", "wo"], 3), (["v", "wo"], 1)]
)
def test_separate_updates_become_one_of_the_sum_of_their_ranks(targets, times):
    module = lora(host("llama"), targets)
    new = carried(module, host("llama"), fused())
    assert error(host("llama"), module, fused(), new) < 1e-5
    assert new.card["carried"]["times_as_wide"] == times
    assert (new.config["r"], new.config["lora_alpha"]) == (3 * times, 6 * times)
    assert {tensor.shape[0] for name, tensor in new.tensors.items() if "lora_A" in name} == {3 * times}


def test_there_and_back_adds_the_same():
    module = lora(fused(), ["qkv"])
    home = carried(carried(module, fused(), host("llama")), host("llama"), fused())
    assert home.config["r"] == 9
    for name in (name for name in module.tensors if "lora_A" in name):
        updates = [m.tensors[name.replace("_A", "_B")] @ m.tensors[name] for m in (module, home)]
        np.testing.assert_allclose(updates[1], updates[0], atol=1e-5)


def test_what_is_taken_apart_is_said_and_the_rest_is_refused():
    here, there = card(fused(), "here"), card(host("llama"), "there")
    assert refusals("lora", {"targets": ["qkv", "wo"]}, here, there) == []
    assert refusals("lora", {"targets": ["q", "v"]}, there, here) == []
    assert any("sites `k`" in line for line in refusals("ia3", {"targets": ["k", "v"]}, there, here))
    assert counterparts(Kind("qkv", "decoder", "self"), family("llama"), law("lora")) == ("q", "k", "v")
    assert counterparts(Kind("wi", "decoder", "feed_forward"), family("llama"), law("lora")) == ()
    with pytest.raises(NotCarried, match="no counterpart of sites `k`"):
        carry_module(answers("ia3", "llama").module, "ia3", alike("llama", identity_layers(host("llama"))), there, here)
