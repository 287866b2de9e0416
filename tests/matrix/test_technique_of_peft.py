"""The laws of the types that peft itself offers, through the pass-through: one test per cell."""

import pytest
import torch
from peft import PeftModel, PeftType

from peftport.injection.attach import attach, attach_module, config_dict, detach, module_tensors, trainable_parameters
from peftport.porting.start import make_start
from peftport.storage.modules import Module, fingerprint, read_module, write_module
from peftport.techniques.from_peft import REFUSED as NOT_OFFERED
from tests.hosts import batch, host
from tests.matrix.test_technique_on_host import equal, host_state, logits, moved
from tests.techniques import FROM_PEFT

FIRST, *OTHERS = ("t5_narrow_heads", "bert", "gpt2", "llama")
# on every family by default; the others wait for `-m slow`
EVERYWHERE = ("vera", "ln_tuning")
# peft's classes for these do not know GPT-2's transposed projections
PLAIN_ONLY = ("loha", "lokr", "hra", "oft", "c3a", "miss", "peanut", "road", "beft")
REFUSED = {("gpt2", name) for name in PLAIN_ONLY}
# these draw only what is frozen, from a seed of their own, so a fresh module is always the same
SEEDLESS = ("vera", "pvera", "randlora", "oft", "waveft", "miss", "road", "beft", "ln_tuning")
CASES = [
    pytest.param(h, name, id=f"{h}-{name}", marks=() if h == FIRST or name in EVERYWHERE else pytest.mark.slow)
    for h in (FIRST, *OTHERS)
    for name in FROM_PEFT
    if (h, name) not in REFUSED
]


def settings_for(host_name, name, **more):
    """GPT-2's queries, keys and values are one matrix."""
    return (
        FROM_PEFT[name]
        | ({"targets": ["qkv", "wo"]} if (host_name, name != "ln_tuning") == ("gpt2", True) else {})
        | more
    )


def make(host_name, name, host_seed=0, seed=1, **more):
    return attach(host(host_name, seed=host_seed), "peft", settings_for(host_name, name, **more), seed=seed)


def test_every_type_of_peft_is_in_the_matrix_or_refused_with_a_reason():
    tried = {settings["peft_type"] for settings in FROM_PEFT.values()}
    assert sorted([*tried, *NOT_OFFERED]) == sorted(PeftType.__members__)
    assert len(CASES) == (1 + len(OTHERS)) * len(FROM_PEFT) - len(REFUSED) == 75
    assert all(NOT_OFFERED.values())


@pytest.mark.parametrize(("host_name", "name"), CASES)
def test_it_is_a_technique(host_name, name, tmp_path):
    inputs = batch(encoder_decoder=host_name.startswith("t5"))
    bare, model = logits(host(host_name), inputs), make(host_name, name)
    fresh, again, other = (module_tensors(one) for one in (model, make(host_name, name), make(host_name, name, seed=2)))
    assert fingerprint(fresh) == fingerprint(again)
    assert (fingerprint(fresh) == fingerprint(other)) == (name in SEEDLESS)
    assert trainable_parameters(attach(host(host_name), "peft", settings_for(host_name, name), trainable=False)) == {}

    moved(model)
    parameters, before = trainable_parameters(model), host_state(model)
    optimiser = torch.optim.AdamW(parameters.values(), lr=1e-2)
    for _ in range(2):
        optimiser.zero_grad()
        model(**inputs).loss.backward()
        assert [key for key, one in parameters.items() if one.grad is None or not one.grad.any()] == []
        optimiser.step()
    assert equal(before, host_state(model))

    wanted, tensors = logits(model.eval(), inputs), module_tensors(model)
    assert (wanted - bare).abs().max() > 1e-3
    with model.disable_adapter():
        assert torch.equal(logits(model, inputs), bare)
    write_module(tmp_path, Module(config_dict(model), tensors, {"technique": "peft"}))
    module = read_module(tmp_path)
    assert torch.equal(logits(attach_module(host(host_name), module).eval(), inputs), wanted)
    drawn = make_start("sampled", module, {"host": "target"}, seed=0)
    for start in (module, drawn):
        there = attach_module(host(host_name, seed=5), start)
        assert fingerprint(module_tensors(there)) == fingerprint(start.tensors)
    assert fingerprint(drawn.tensors) != fingerprint(tensors)
    assert torch.equal(logits(PeftModel.from_pretrained(host(host_name), str(tmp_path)).eval(), inputs), wanted)
    turned = logits(model, {key: value.flip(0) for key, value in inputs.items()}).flip(0)
    torch.testing.assert_close(turned, wanted, atol=1e-4, rtol=1e-4)
    assert torch.equal(logits(detach(model), inputs), bare)


@pytest.mark.parametrize(("host_name", "name"), sorted(REFUSED))
def test_what_peft_cannot_wrap_is_refused_beforehand(host_name, name):
    bare, inputs = host(host_name), batch(encoder_decoder=False)
    wanted = logits(bare, inputs)
    with pytest.raises(ValueError, match="does not know the transposed projections of 'gpt2' hosts"):
        attach(bare, "peft", settings_for(host_name, name), seed=0)
    assert torch.equal(logits(bare, inputs), wanted)


def test_settings_that_do_not_fit_the_host_leave_it_bare():
    bare, inputs = host("llama"), batch(encoder_decoder=False)
    wanted = logits(bare, inputs)
    for name, setting in (("c3a", "block_size"), ("road", "group_size"), ("vblora", "vector_length")):
        with pytest.raises(ValueError, match=f"{name.upper()} cannot be put into this host: .*"):
            attach(bare, "peft", FROM_PEFT[name] | {setting: 6}, seed=0)
        assert torch.equal(logits(bare, inputs), wanted)


def test_frozen_projections_are_drawn_and_not_stored():
    """Two hosts draw the same ones, so that a vector that moves means the same update."""
    site = "base_model.model.encoder.block.0.layer.0.SelfAttention.q"
    one, other = (make("t5_narrow_heads", "vera", host_seed=seed) for seed in (0, 5))
    first, second = (model.get_submodule(site).vera_B["default"] for model in (one, other))
    assert torch.equal(first, second)
    third = make("t5_narrow_heads", "vera", projection_prng_key=1)
    assert not torch.equal(first, third.get_submodule(site).vera_B["default"])
    assert all(name.rpartition(".")[2].startswith("vera_lambda") for name in module_tensors(one))


def test_a_type_that_saves_more_than_it_trains_is_refused(monkeypatch):
    """DELORA's file also holds norms of the host's weights: as if a later peft had brought it, with no reason here."""
    monkeypatch.delitem(NOT_OFFERED, "DELORA")
    bare, inputs = host("llama"), batch(encoder_decoder=False)
    wanted = logits(bare, inputs)
    with pytest.raises(ValueError, match=r"DELORA in this host must have .*, but it has "):
        attach(bare, "peft", {"peft_type": "DELORA", "r": 2}, seed=0)
    assert torch.equal(logits(bare, inputs), wanted)
