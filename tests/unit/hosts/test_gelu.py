"""GELU in one pass: the numbers and gradients of transformers' own, in less memory."""

import pytest
import torch
from torch import nn
from transformers.activations import NewGELUActivation

from peftport.hosts.cheaper import exchange_layers
from peftport.hosts.gelu import LAYERS, OnePassGELU
from tests import hosts


def kept(layer, inputs):
    """Outputs, gradients, and how many numbers are kept for the gradient."""
    sizes = {}
    with torch.autograd.graph.saved_tensors_hooks(lambda one: sizes.setdefault(one.data_ptr(), one), lambda one: one):
        out = layer(inputs)
    (gradient,) = torch.autograd.grad(out.square().sum(), inputs)
    return out, gradient, sum(one.numel() for one in sizes.values())


def test_numbers_and_gradients_are_the_same_and_less_is_kept():
    inputs = torch.linspace(-6, 6, 1001).requires_grad_()
    plain, fast = NewGELUActivation(), NewGELUActivation()
    exchange_layers(fast, LAYERS)
    assert type(fast) is OnePassGELU
    wanted, found = kept(plain, inputs), kept(fast, inputs)
    for ours, theirs in zip(found[:2], wanted[:2], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    assert found[2] == 1001 < wanted[2]


@pytest.mark.parametrize("name", ["t5_gated_untied", "t5_relu_tied", "gpt2"])
def test_only_hosts_that_have_it_are_changed(name):
    host = hosts.host(name)
    before = {part: type(layer) for part, layer in host.named_modules()}
    exchange_layers(host, LAYERS)
    after = {part: type(layer) for part, layer in host.named_modules()}
    changed = {part for part in before if before[part] is not after[part]}
    assert changed == {part for part, kind in before.items() if kind is NewGELUActivation}
    assert bool(changed) == (name != "t5_relu_tied")


def test_other_non_linearities_stay():
    layer = nn.GELU()
    exchange_layers(layer, LAYERS)
    assert type(layer) is nn.GELU
