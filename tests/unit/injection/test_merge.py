"""A module in the weights of its host for a while: the same answers, and the host as it was, to the bit."""

import pytest
import torch

from peftport.injection.attach import attach
from peftport.injection.merge import NotMergeable, mergeable, merged
from tests import hosts
from tests.hosts import spread_module
from tests.techniques import FROM_PEFT, SETTINGS

NOT_MERGED = ("beft",)  # it changes biases, and this host has none
BOTH = "lora and ia3 at one projection"


def of_host(name, settings):
    return settings | ({"targets": ["qkv"]} if name == "gpt2" else {})


def module_in(name, technique, dtype=torch.float32):
    if technique == BOTH:
        settings = {"method": "hybrid", "parts": {part: of_host(name, SETTINGS[part]) for part in ("lora", "ia3")}}
        return spread_module(attach(hosts.host(name).to(dtype), "hybrid", settings, seed=0))
    method = "peft" if technique in FROM_PEFT else technique
    settings = {"method": method, **of_host(name, (SETTINGS | FROM_PEFT)[technique])}
    return spread_module(attach(hosts.host(name).to(dtype), method, settings, seed=0))


def logits(model, name):
    with torch.inference_mode():
        return model(**hosts.batch(encoder_decoder=name.startswith("t5"))).logits.float()


@pytest.mark.parametrize("name", ["llama", "gpt2", "bert", "t5_gated_untied"])
@pytest.mark.parametrize("technique", ["lora", "ia3", BOTH])
def test_a_merged_module_answers_as_the_attached_one_and_leaves_no_trace(name, technique):
    model = module_in(name, technique)
    before, attached = {key: tensor.clone() for key, tensor in model.state_dict().items()}, logits(model, name)
    assert mergeable(model)
    with merged(model):
        inside = logits(model, name)
        changed = [key for key, tensor in model.state_dict().items() if not torch.equal(tensor, before[key])]
    assert changed and all("base_layer" in key for key in changed)
    torch.testing.assert_close(inside, attached, atol=1e-4, rtol=1e-4)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert torch.equal(logits(model, name), attached)


def test_merging_rounds_to_the_numbers_of_the_host():
    """What is attached stays in float32, so in bfloat16 the two differ."""
    model = module_in("llama", "lora", torch.bfloat16)
    attached = logits(model, "llama")
    with merged(model):
        assert (logits(model, "llama") - attached).abs().max() > 1e-3
    assert torch.equal(logits(model, "llama"), attached)


def test_peft_itself_says_why_it_cannot_merge_a_module_of_ours():
    with pytest.raises(NotImplementedError, match=r"no change of its weights does; leave the module attached, or take"):
        module_in("llama", "adapters").merge_and_unload()


def test_the_host_is_as_it_was_after_an_error():
    model = module_in("llama", "ia3")
    attached = logits(model, "llama")
    with pytest.raises(KeyError), merged(model):
        raise KeyError
    assert torch.equal(logits(model, "llama"), attached)


@pytest.mark.parametrize("technique", ["adapters", "compacter", "prefix_tuning", "prompt_tuning"])
def test_what_is_no_change_of_weights_is_not_merged(technique):
    model = module_in("llama", technique)
    assert not mergeable(model)
    with pytest.raises(ValueError, match="no module in this host that could be merged"), merged(model):
        pass


def test_a_bare_host_has_nothing_to_merge():
    assert not mergeable(hosts.host("llama"))


@pytest.mark.parametrize("technique", FROM_PEFT)
def test_one_of_pefts_own_is_merged_or_refused_and_leaves_no_trace(technique):
    model = module_in("llama", technique)
    before, attached = {key: tensor.clone() for key, tensor in model.state_dict().items()}, logits(model, "llama")
    if technique in NOT_MERGED:
        with pytest.raises(NotMergeable), merged(model):
            pass
    else:
        with merged(model):
            torch.testing.assert_close(logits(model, "llama"), attached, atol=1e-4, rtol=1e-4)
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    assert torch.equal(logits(model, "llama"), attached)
