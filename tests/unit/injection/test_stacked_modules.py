"""Several modules in one host at once: each computes, and learns, what it does alone."""

import pytest
import torch

from peftport.injection.attach import attach, load_tensors, module_tensors
from peftport.injection.stacked_modules import Stack, can_share
from peftport.techniques.stacked_ops import layer_norm, linear, scale, to_rows
from peftport.techniques.table import METHODS, PASSED_ON
from tests.hosts import batch, host
from tests.techniques import SETTINGS, VARIANTS, of_name

SEVEN = ("adapters", "compacter", "lora", "prefix_tuning", "prompt_tuning", "ia3", "tiny_attention")
REFUSED = [("bert", "prompt_tuning"), ("gpt2", "tiny_attention")]  # hosts without such sites
OTHERS = [(name, technique) for name in ("bert", "gpt2") for technique in SEVEN if (name, technique) not in REFUSED]
CASES = [*[("t5_gated_untied", name) for name, (technique, _) in VARIANTS.items() if technique in SEVEN], *OTHERS]


def start(host_name, variant):
    technique, settings = VARIANTS[variant]
    if host_name == "gpt2" and "targets" in settings:
        settings = settings | {"targets": ["qkv", "wo"]}
    if "dropout" in settings:
        settings = settings | {"dropout": 0.0}
    return attach(host(host_name), technique, settings, seed=1).eval()


def members(model, count=3):
    fresh = module_tensors(model)
    return [{name: tensor + 0.05 * place for name, tensor in fresh.items()} for place in range(1, count + 1)]


def loss_of(logits, labels):
    return torch.nn.functional.cross_entropy(logits[:, -labels.shape[1] :].flatten(0, 1), labels.flatten())


@pytest.mark.parametrize(("host_name", "variant"), CASES)
def test_losses_and_gradients_are_those_of_each_alone(host_name, variant):
    model = start(host_name, variant)
    assert can_share(model)
    states, t5 = members(model), host_name.startswith("t5")
    batches = [batch(encoder_decoder=t5, seed=seed) for seed in range(3)]
    inputs = [{key: value for key, value in one.items() if t5 or key != "labels"} for one in batches]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    alone = []
    for state, one, full in zip(states, inputs, batches, strict=True):
        load_tensors(model, state)
        logits = model(**one).logits
        alone.append(
            (logits.detach(), torch.autograd.grad(loss_of(logits, full["labels"]), parameters, allow_unused=True))
        )
    stack = Stack(model, states)
    logits = model(**{key: torch.cat([one[key] for one in inputs]) for key in inputs[0]}).logits.unflatten(0, (3, -1))
    losses = [loss_of(logits[place], full["labels"]) for place, full in enumerate(batches)]
    (together,) = torch.autograd.grad(sum(losses), stack.rows)
    for place, (expected, gradients) in enumerate(alone):
        # up to the order of additions, which is the processor's; another member's module gives logits 1.6 to 6 away
        torch.testing.assert_close(logits[place], expected, atol=2e-5, rtol=1e-5)
        own = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
        torch.testing.assert_close(together[place], torch.cat([g.flatten() for g in own]), atol=1e-5, rtol=1e-4)
        with stack.only(place):
            torch.testing.assert_close(model(**inputs[place]).logits, expected, atol=1e-5, rtol=1e-5)
            for name, tensor in module_tensors(model).items():
                assert tensor.tobytes() == states[place][name].tobytes()
    stack.release()
    assert torch.equal(model(**inputs[2]).logits, alone[2][0])


@pytest.mark.parametrize("technique", ["lora", "tiny_attention"])
def test_with_dropout_a_module_has_its_host_to_itself(technique):
    model = attach(host("t5_gated_untied"), technique, SETTINGS[technique] | {"dropout": 0.1}, seed=1)
    assert not can_share(model)
    with pytest.raises(ValueError, match="cannot share a host"):
        Stack(model, members(model))


@pytest.mark.parametrize("name", ["dora", "vera", "ln_tuning"])
def test_what_was_not_taught_has_its_host_to_itself(name):
    """A DoRA is a LoRA to peft, but not to its layers."""
    assert not can_share(attach(host("t5_gated_untied"), *of_name(name), seed=1))


def test_what_was_not_taught_is_known_to_be():
    assert set(SEVEN) == set(SETTINGS) == set(METHODS) - {PASSED_ON}


def test_a_module_that_does_not_fit_is_refused():
    model = start("t5_gated_untied", "lora")
    states = members(model)
    states[1].popitem()
    with pytest.raises(ValueError, match="missing 1"):
        Stack(model, states)


@pytest.mark.parametrize("function", [linear, layer_norm])
def test_stacked_is_each_alone(function):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn((6, 2, 4), generator=generator)
    weight = torch.randn((3, 5, 4) if function is linear else (3, 4), generator=generator)
    bias = torch.randn((3, weight.shape[1]), generator=generator)
    together = function(hidden, weight, bias)
    for place in range(3):
        rows = slice(2 * place, 2 * place + 2)
        torch.testing.assert_close(together[rows], function(hidden[rows], weight[place], bias[place]))


def test_scale_and_rows():
    hidden, vector = torch.ones(6, 2, 4), torch.arange(12.0).view(3, 4)
    assert torch.equal(scale(hidden, vector)[:, 0], vector.repeat_interleave(2, 0))
    assert torch.equal(scale(hidden, vector[1]), vector[1].expand(6, 2, 4))
    assert torch.equal(to_rows(vector, 6), vector.repeat_interleave(2, 0))
