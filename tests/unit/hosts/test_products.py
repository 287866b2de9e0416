"""Products by oneDNN: the numbers of the plain layer, its gradients, and the plain layer itself wherever it must be."""

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from peftport.hosts import products
from peftport.hosts.cheaper import exchange_layers
from peftport.hosts.products import LAYERS, LEAST_WORK, onednn_pays
from tests import hosts

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")
MADE = {
    "linear": lambda: nn.Linear(24, 40),
    "linear without bias": lambda: nn.Linear(24, 40, bias=False),
    "conv1d": lambda: Conv1D(40, 24),
}
ENOUGH = LEAST_WORK // (24 * 40) + 1  # rows
MANY = (5, ENOUGH // 5 + 1, 24)


def pair(name, frozen=True):
    """A layer as it is, and a copy by oneDNN."""
    torch.manual_seed(0)
    plain, fast = MADE[name](), MADE[name]()
    fast.load_state_dict(plain.state_dict())
    exchange_layers(fast, LAYERS)
    return plain.requires_grad_(not frozen), fast.requires_grad_(not frozen)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("weighed", [False, True])
def test_outputs_and_gradients_are_the_plain_layer_s(name, strided, weighed):
    """A sum's gradient has no memory of its own (all strides 0), a weighed sum's has."""
    plain, fast = pair(name)
    assert type(fast) is LAYERS[type(plain)]
    if strided and name == "conv1d":
        pytest.skip("transformers' own Conv1D takes no strided inputs")
    inputs = torch.randn(MANY[1], MANY[0], MANY[2]).transpose(0, 1) if strided else torch.randn(MANY)
    found = []
    for layer in (plain, fast):
        own = inputs.clone(memory_format=torch.preserve_format).requires_grad_()
        out = layer(own)
        total = (out * torch.linspace(-1, 1, 40)).sum() if weighed else out.sum()
        (gradient,) = torch.autograd.grad(total, own)
        found.append((out, gradient))
    assert found[0][0].shape == found[1][0].shape
    for ours, theirs in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_in_inference_mode_as_well(name):
    plain, fast = pair(name)
    inputs = torch.randn(MANY)
    with torch.inference_mode():
        torch.testing.assert_close(fast(inputs), plain(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_few_rows_go_the_plain_way_to_the_bit(name):
    plain, fast = pair(name)
    inputs = torch.randn(ENOUGH - 1, 24)
    assert torch.equal(fast(inputs), plain(inputs))


@pytest.mark.parametrize("name", MADE)
def test_a_layer_that_learns_goes_the_plain_way(name):
    plain, fast = pair(name, frozen=False)
    inputs = torch.randn(MANY)
    for layer in (plain, fast):
        layer(inputs).square().sum().backward()
    assert torch.equal(fast.weight.grad, plain.weight.grad)


def test_other_precisions_go_the_plain_way():
    plain, fast = (layer.bfloat16() for layer in pair("linear"))
    inputs = torch.randn(MANY, dtype=torch.bfloat16)
    assert torch.equal(fast(inputs), plain(inputs))


@pytest.mark.parametrize("name", [*hosts.T5_HOSTS, *hosts.OTHER_HOSTS])
def test_a_host_keeps_its_names_its_weights_and_its_answers(name):
    host = hosts.host(name).eval().requires_grad_(False)
    names, before = list(host.state_dict()), {key: tensor.data_ptr() for key, tensor in host.state_dict().items()}
    batch = {"input_ids": torch.arange(400 * 24).view(400, 24) % 50 + 3}
    if host.config.is_encoder_decoder:
        batch["decoder_input_ids"] = torch.zeros(400, 2, dtype=torch.long)
    with torch.inference_mode():
        plain = host(**batch).logits
        exchange_layers(host, LAYERS)
        fast = host(**batch).logits
    assert any(type(layer) in LAYERS.values() for layer in host.modules())
    assert list(host.state_dict()) == names
    assert {key: tensor.data_ptr() for key, tensor in host.state_dict().items()} == before
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("maker", "pays"), [("AuthenticAMD", True), ("GenuineIntel", False)])
def test_only_amd_s_processors_multiply_by_onednn(tmp_path, monkeypatch, maker, pays):
    listing = tmp_path / "cpuinfo"
    listing.write_text(f"processor\t: 0\nvendor_id\t: {maker}\nmodel name\t: some\n")
    monkeypatch.setattr(products, "PROCESSORS", listing)
    assert onednn_pays() is pays


def test_a_machine_that_does_not_list_its_processors_goes_the_plain_way(tmp_path, monkeypatch):
    monkeypatch.setattr(products, "PROCESSORS", tmp_path / "none")
    assert not onednn_pays()
