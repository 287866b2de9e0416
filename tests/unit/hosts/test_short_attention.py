"""Short attention: the numbers and gradients of sdpa, and sdpa itself wherever it does not pay."""

import pytest
import torch
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from peftport.hosts import short_attention
from peftport.hosts.short_attention import MOST_KEYS, NAME, WIDEST_HEAD, short_attention_forward, use_short_attention
from peftport.techniques.attach import attach, detach
from tests import hosts
from tests.techniques import SETTINGS


def given(batch=2, heads=3, queries=5, keys=7, width=4, kind=torch.float32):
    generator = torch.Generator().manual_seed(0)
    sizes = ((queries, width), (keys, width), (keys, width))
    return [torch.randn(batch, heads, *size, generator=generator).to(kind).requires_grad_() for size in sizes]


def mask_of(states, boolean=True):
    """Hides the last two keys of the last row."""
    seen = torch.ones(len(states[0]), 1, states[0].shape[2], states[1].shape[2], dtype=torch.bool)
    seen[-1, ..., -2:] = False
    return seen if boolean else torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)


def outcome(function, states, mask, **told):
    """What attention gives, and the gradients of its inputs."""
    out, weights = function(nn.Module(), *states, mask, **told)
    assert weights is None
    return [out, *torch.autograd.grad(out.square().sum(), states)]


@pytest.mark.parametrize("boolean", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("scaling", [None, 1.0])
def test_outputs_and_gradients_are_those_of_sdpa(boolean, biased, scaling):
    states = given()
    told = {"scaling": scaling, "position_bias": torch.randn(1, 3, 5, 7) if biased else None, "is_causal": False}
    mask = mask_of(states, boolean)
    for ours, theirs in zip(
        outcome(short_attention_forward, states, mask, **told),
        outcome(sdpa_attention_forward, states, mask, **told),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "shape", [{"keys": MOST_KEYS + 1}, {"width": WIDEST_HEAD + 1}, {"kind": torch.bfloat16}], ids=str
)
def test_what_does_not_pay_is_sdpa_to_the_bit(shape):
    states = given(**shape)
    told = {"scaling": 1.0, "is_causal": False}
    found = [outcome(way, states, mask_of(states), **told) for way in (short_attention_forward, sdpa_attention_forward)]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*found, strict=True))


@pytest.mark.parametrize("name", [*hosts.T5_HOSTS, *hosts.OTHER_HOSTS])
@pytest.mark.parametrize("left", [False, True])
def test_a_host_answers_as_with_sdpa(name, left, monkeypatch):
    host, inputs = hosts.host(name), hosts.batch(encoder_decoder=name.startswith("t5"))
    if left:
        inputs = {key: value if key == "labels" else value.flip(1) for key, value in inputs.items()}
    own = inputs["labels"] != -100 if not name.startswith("t5") else torch.ones_like(inputs["labels"], dtype=torch.bool)
    taken, pays = [], short_attention._pays
    monkeypatch.setattr(short_attention, "_pays", lambda *states: taken.append(pays(*states)) or taken[-1])
    with torch.inference_mode():
        plain = host(**inputs).logits
        use_short_attention(host)
        short = host(**inputs).logits
    assert host.config._attn_implementation == NAME
    assert any(taken) == (name != "llama")  # its keys are shared by heads
    if left and not name.startswith("t5"):
        own = own.flip(1)
    torch.testing.assert_close(short[own], plain[own], atol=1e-5, rtol=1e-4)


def test_a_host_of_another_attention_stays_as_it_is():
    host = hosts.host("bert", attention="eager")
    use_short_attention(host)
    assert host.config._attn_implementation == "eager"


@pytest.mark.parametrize("name", ["t5_gated_untied", "gpt2"])
def test_a_prefix_comes_and_goes(name):
    inputs, found = hosts.batch(encoder_decoder=name.startswith("t5")), []
    for switch in (lambda host: None, use_short_attention):
        host = hosts.host(name)
        switch(host)
        before = host.config._attn_implementation
        model = attach(host, "prefix_tuning", SETTINGS["prefix_tuning"], seed=0).eval()
        hosts.spread_module(model)
        with torch.inference_mode():
            found.append(model(**inputs).logits)
        assert model.config._attn_implementation != before
        assert detach(model).config._attn_implementation == before
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)
