"""Each technique of ours against its formula, written out plainly."""

import math

import pytest
import torch
from torch import nn

from peftport.injection.attach import attach, load_tensors, module_tensors
from peftport.techniques.compacter import kronecker_linear
from tests.hosts import batch, host
from tests.techniques import SETTINGS


def site_of(model, name: str) -> nn.Module:
    return model.get_submodule(f"base_model.model.{name}")


def test_an_adapter_is_its_formula():
    model = attach(host("t5_gated_untied"), "adapters", SETTINGS["adapters"], seed=0).eval()
    site, hidden = site_of(model, "encoder.block.0.layer.1.dropout"), torch.randn(2, 5, 16)
    down, up = site.houlsby_down_weight["default"], site.houlsby_up_weight["default"]
    with torch.no_grad():
        site.houlsby_down_bias["default"].fill_(0.3)
        site.houlsby_up_bias["default"].fill_(0.7)
    wanted = hidden + nn.functional.gelu(hidden @ down.T + 0.3) @ up.T + 0.7
    torch.testing.assert_close(site(hidden), wanted)
    assert down.shape == (4, 16) and up.shape == (16, 4)
    assert 0 < down.abs().max() <= 0.1  # truncated at two standard deviations of 0.05


def test_a_kronecker_linear_is_a_sum_of_kronecker_products():
    generator = torch.Generator().manual_seed(0)
    rule, left, right, bias, hidden = (
        torch.randn(size, generator=generator) for size in ((4, 4, 4), (4, 3, 2), (4, 2, 5), (20,), (7, 12))
    )
    matrix = sum(torch.kron(rule[i], left[i] @ right[i]) for i in range(4))
    torch.testing.assert_close(kronecker_linear(hidden, rule, left, right, bias), hidden @ matrix + bias)


def test_all_compacters_share_one_rule():
    model = attach(host("t5_gated_untied"), "compacter", SETTINGS["compacter"], seed=0)
    rules = [name for name in module_tensors(model) if "rule" in name]
    assert rules == ["base_model.compacter_rule"]
    with pytest.raises(ValueError, match="division 3 must divide the host's width 16 and the bottleneck 4"):
        attach(host("t5_gated_untied"), "compacter", SETTINGS["compacter"] | {"division": 3}, seed=0)


def test_compacters_may_have_a_rule_per_site():
    model = attach(host("t5_gated_untied"), "compacter", SETTINGS["compacter"] | {"share_rule": False}, seed=0)
    rules = {name: tensor for name, tensor in module_tensors(model).items() if "rule" in name}
    assert len(rules) == 8 and "base_model.compacter_rule" not in rules
    assert len({tensor.tobytes() for tensor in rules.values()}) == 8
    site, hidden = site_of(model, "decoder.block.1.layer.2.dropout"), torch.randn(2, 3, 16)
    before, own = site(hidden), site.compacter_rule["default"]
    for name, parameter in model.named_parameters():
        if "compacter_rule" in name and parameter is not own:
            parameter.data.zero_()
    assert torch.equal(site(hidden), before)  # other sites' rules do not matter here
    own.data.zero_()
    assert torch.equal(site(hidden), hidden)


def test_sites_of_a_kind_may_share_their_adapter():
    sites = ["attention", "cross_attention", "feed_forward"]
    settings = SETTINGS["adapters"] | {"share": "layers", "sites": sites}
    model = attach(host("t5_gated_untied"), "adapters", settings, seed=0).eval()
    names = [f"base_model.houlsby_{kind}_{part}" for kind in sites for part in ("up_weight", "down_bias")]
    tensors = module_tensors(model)
    assert len(tensors) == 12 and set(names) < set(tensors)
    load_tensors(model, {name: tensor + 0.1 for name, tensor in tensors.items()})
    hidden = torch.randn(2, 3, 16)
    places = {"attention": ("encoder.block.0.layer.0", "encoder.block.1.layer.0", "decoder.block.1.layer.0")}
    places |= {"cross_attention": ("decoder.block.0.layer.1", "decoder.block.1.layer.1")}
    places |= {"feed_forward": ("encoder.block.0.layer.1", "decoder.block.1.layer.2")}
    found = {kind: [site_of(model, f"{place}.dropout")(hidden) for place in places[kind]] for kind in sites}
    assert all(torch.equal(one, outputs[0]) for outputs in found.values() for one in outputs)
    assert not torch.equal(found["attention"][0], found["feed_forward"][0])
    with pytest.raises(ValueError, match="share"):
        attach(host("bert"), "adapters", SETTINGS["adapters"] | {"share": "all"}, seed=0)


def test_bottleneck_width_is_absolute_or_relative():
    for settings, width in (({"bottleneck": 3}, 3), ({"reduction_factor": 8}, 2), ({"reduction_factor": 64}, 1)):
        model = attach(host("t5_gated_untied"), "adapters", SETTINGS["adapters"] | settings, seed=0)
        assert site_of(model, "decoder.block.1.layer.2.dropout").houlsby_down_bias["default"].shape == (width,)
    with pytest.raises(ValueError, match="unknown non_linearity 'gelo'"):
        attach(host("bert"), "adapters", SETTINGS["adapters"] | {"non_linearity": "gelo"}, seed=0)


@pytest.mark.parametrize("reparameterisation", [5, None])
def test_a_prefix_is_keys_and_values_in_front(reparameterisation):
    settings = SETTINGS["prefix_tuning"] | {"reparameterisation": reparameterisation, "init_std": 0.5}
    model = attach(host("t5_narrow_heads"), "prefix_tuning", settings, seed=0).eval()
    site = site_of(model, "decoder.block.0.layer.1.EncDecAttention")
    hidden, seen = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    inner = site.base_layer
    prefix_key, prefix_value = site.keys_and_values("default")
    assert prefix_key.shape == (3, 24)
    key = torch.cat([prefix_key.expand(2, -1, -1), inner.k(seen)], 1).unflatten(-1, (6, 4)).transpose(1, 2)
    value = torch.cat([prefix_value.expand(2, -1, -1), inner.v(seen)], 1).unflatten(-1, (6, 4)).transpose(1, 2)
    query = inner.q(hidden).unflatten(-1, (6, 4)).transpose(1, 2)
    wanted = inner.o(((query @ key.transpose(-1, -2)).softmax(-1) @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(site(hidden, key_value_states=seen)[0], wanted)


def test_every_attention_has_its_own_prefix():
    """peft's own ties layers and leaves the encoder without: here 2 + 2 + 2 attentions have 12 different tensors."""
    settings = SETTINGS["prefix_tuning"] | {"reparameterisation": None}
    tensors = module_tensors(attach(host("t5_gated_untied"), "prefix_tuning", settings, seed=0))
    assert len(tensors) == 12
    assert len({tensor.tobytes() for tensor in tensors.values()}) == 12


def test_a_prefix_of_chosen_attentions():
    settings = SETTINGS["prefix_tuning"] | {"attentions": ["decoder_self"]}
    names = module_tensors(attach(host("t5_gated_untied"), "prefix_tuning", settings, seed=0))
    assert all("decoder" in name and "EncDec" not in name for name in names)
    with pytest.raises(ValueError, match="have no sites cross"):
        attach(host("bert"), "prefix_tuning", SETTINGS["prefix_tuning"] | {"attentions": ["cross"]}, seed=0)
    flash = host("t5_gated_untied")
    flash.config._attn_implementation = "flash_attention_2"
    with pytest.raises(ValueError, match="load the host with one of eager, sdpa"):
        attach(flash, "prefix_tuning", SETTINGS["prefix_tuning"], seed=0)


def test_lora_starts_at_the_bare_host_and_adds_scaled_products():
    model = attach(host("t5_gated_untied"), "lora", SETTINGS["lora"], seed=0).eval()
    site, hidden = site_of(model, "encoder.block.1.layer.0.SelfAttention.q"), torch.randn(2, 3, 16)
    assert torch.equal(site(hidden), site.base_layer(hidden))
    load_tensors(model, {name: tensor + 0.1 for name, tensor in module_tensors(model).items()})
    down, up = site.lora_A["default"].weight, site.lora_B["default"].weight
    torch.testing.assert_close(site(hidden), site.base_layer(hidden) + 4 / 2 * hidden @ down.T @ up.T)


def test_ia3_scales_keys_values_and_inner_activations_only():
    names = list(module_tensors(attach(host("bert"), "ia3", SETTINGS["ia3"], seed=0)))
    layer = "base_model.model.bert.encoder.layer.{}"
    wanted = [f"{layer}.{leaf}.ia3_l" for leaf in ("attention.self.key", "attention.self.value", "output.dense")]
    assert names == [name.format(index) for index in (0, 1) for name in wanted]
    without = attach(host("t5_gated_untied"), "ia3", {"targets": ["k", "v"]}, seed=0)
    assert all(name.endswith((".k.ia3_l", ".v.ia3_l")) for name in module_tensors(without))


def test_a_prompt_starts_at_random_or_from_the_vocabulary():
    bare = host("t5_gated_untied")
    drawn = module_tensors(attach(bare, "prompt_tuning", {"length": 4, "start": "vocabulary"}, seed=0))
    rows = torch.from_numpy(drawn["prompt_embeddings"])
    assert all((bare.shared.weight == row).all(1).any() for row in rows)
    with pytest.raises(ValueError, match="start"):
        attach(host("t5_gated_untied"), "prompt_tuning", {"length": 4, "start": "text"}, seed=0)


def test_tiny_attention_is_its_formula():
    settings = SETTINGS["tiny_attention"] | {"width": 4, "heads": 2}
    model = attach(host("t5_gated_untied"), "tiny_attention", settings, seed=0).eval()
    load_tensors(model, {name: tensor + 0.1 for name, tensor in module_tensors(model).items()})
    site, hidden = site_of(model, "encoder.block.0.layer.0"), torch.randn(2, 3, 16)
    own = {name.removeprefix("tiny_attention_"): getattr(site, name)["default"] for name in site.adapter_layer_names}
    attention = nn.MultiheadAttention(4, 2, batch_first=True).eval()
    with torch.no_grad():
        attention.in_proj_weight.copy_(own["heads_weight"])
        attention.in_proj_bias.copy_(own["heads_bias"])
        attention.out_proj.weight.copy_(own["mix_weight"])
        attention.out_proj.bias.copy_(own["mix_bias"])
    before = site.base_layer(hidden)[0]
    inner = nn.functional.layer_norm(before, (16,), own["norm_weight"], own["norm_bias"])
    inner = attention(*(inner @ own["in_weight"].T + own["in_bias"]).chunk(3, -1), need_weights=False)[0]
    wanted = before + inner @ own["out_weight"].T + own["out_bias"]
    torch.testing.assert_close(site(hidden)[0], wanted, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="heads 3 must divide the width 4"):
        attach(host("bert"), "tiny_attention", settings | {"heads": 3}, seed=0)
    bounds = attach(host("t5_gated_untied"), "tiny_attention", settings | {"out_scale": 0.01}, seed=0)
    start = module_tensors(bounds)["base_model.model.encoder.block.0.layer.0.tiny_attention_out_weight"]
    assert abs(start).max() <= 0.01 / math.sqrt(4)


def test_tiny_attention_refuses_a_cache():
    model = attach(host("t5_gated_untied"), "tiny_attention", SETTINGS["tiny_attention"], seed=0).eval()
    text = {key: value for key, value in batch().items() if key != "labels"}
    with pytest.raises(RuntimeError, match="generate with use_cache=False"):
        model.generate(**text, max_new_tokens=3, min_new_tokens=3, use_cache=True)
