"""What weights say of an adapter: norms are those of peft's own products, and a try is what plain peft computes."""

import numpy as np
import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from peftport.adapters.bases import distance
from peftport.adapters.canary import _inputs
from peftport.adapters.case import read_case, read_hosts
from peftport.adapters.check import check
from peftport.adapters.deltas import delta_norms
from peftport.adapters.folder import read_weights
from peftport.hosts.load import load_model
from peftport.porting.sampled_product import update_norm
from tests.adapters import host_on_disk, lora_on_disk, save_lora
from tests.hosts import host

# ranks and scales that differ by site, by patterns and by names
PATTERNS = {"rank_pattern": {r"layers\.0\..*q_proj": 3}, "alpha_pattern": {"v_proj": 5}, "use_rslora": True}


def test_the_norm_of_a_product_needs_no_product():
    numbers = np.random.default_rng(0)
    b, a = numbers.normal(size=(7, 3)), numbers.normal(size=(3, 5))
    assert update_norm(a, b) == pytest.approx(np.linalg.norm(b @ a))


def test_what_a_lora_adds_is_what_peft_adds(tmp_path, tmp_path_factory):
    save_lora("llama", tmp_path, **PATTERNS)
    case = read_case(tmp_path, *read_hosts(host_on_disk(tmp_path_factory, "llama"), None))
    model = PeftModel.from_pretrained(host("llama"), tmp_path).base_model.model
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, LoraLayer)}
    expected = {name: float(layer.get_delta_weight("default").norm()) for name, layer in layers.items()}
    assert delta_norms(case, read_weights(case.adapter)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("name", "fields"), [("t5_gated_untied", {}), ("bert", {}), ("llama", PATTERNS)])
@torch.no_grad()
def test_a_try_is_what_plain_peft_computes(name, fields, tmp_path, tmp_path_factory):
    save_lora(name, tmp_path, **fields)
    folder = host_on_disk(tmp_path_factory, name)
    report = check(tmp_path, folder, folder, weights=True)
    assert report.exit_code == 0, [(one.level, one.line) for one in report.reasons]
    inputs = _inputs(load_model(folder))
    bare = load_model(folder)(**inputs).logits.log_softmax(-1)
    with_it = PeftModel.from_pretrained(load_model(folder), tmp_path).eval()(**inputs).logits.log_softmax(-1)
    divergence = float((bare.exp() * (bare - with_it)).sum(-1).mean())
    assert divergence > 1e-6
    assert report.measured["canary"]["divergence_now"] == pytest.approx(divergence, rel=1e-3)
    assert report.measured["canary"]["flips_now"] == float((bare.argmax(-1) != with_it.argmax(-1)).double().mean())


def test_a_try_in_both_hosts_names_one_where_it_does_much_less(tmp_path, tmp_path_factory):
    """The host now has the same weights at the sites; its output layer is a hundredth, so answers hardly change."""
    adapter, before = lora_on_disk(tmp_path_factory, "llama"), host_on_disk(tmp_path_factory, "llama")
    now, model = tmp_path / "now", host("llama")
    with torch.no_grad():
        model.lm_head.weight.mul_(0.01)
    model.save_pretrained(now)
    report = check(adapter, now, before, weights=True)
    numbers = report.measured["canary"]
    assert numbers["divergence_now"] < numbers["divergence_before"] / 10
    assert "copy" in [one.level for one in report.reasons if one.check == "canary"]
    assert report.measured["drift"] == pytest.approx({"total": 0, "q_proj": 0, "v_proj": 0, "cosine": 1})


def test_distances_of_weights():
    numbers = np.random.default_rng(0)
    old, other = numbers.normal(size=(2, 64, 64)).astype(np.float32)
    assert (distance(old, old).drift, distance(old, old).cosine) == (0, pytest.approx(1))
    assert distance(old, 1.5 * old).drift == pytest.approx(0.5)
    far = distance(old, other)
    assert far.drift == pytest.approx(np.sqrt(2), abs=0.1) and far.cosine == pytest.approx(0, abs=0.1)
