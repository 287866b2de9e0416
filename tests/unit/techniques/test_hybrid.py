"""Two techniques in one module: what it computes, by its parts alone and by hand; its parts as plain modules."""

import pytest
import torch
from peft import PeftModel
from torch import nn

from peftport.adapters.folder import AdapterError, read_adapter
from peftport.adapters.form import form_of
from peftport.injection.attach import attach, attach_module, config_dict, detach, load_tensors, module_tensors
from peftport.injection.merge import mergeable
from peftport.storage.module_parts import MARKS, part_of, split_module
from peftport.storage.modules import Module, write_module
from peftport.techniques.table import METHODS, NO_PART
from tests.hosts import batch, host, spread_module
from tests.techniques import PARTS, SETTINGS, VARIANTS

HOST = "t5_gated_untied"
NEUTRAL = {"lora": "lora_B", "adapters": "houlsby_up", "compacter": "compacter_up", "ia3": "ia3_l"}


def hybrid(variant, host_name=HOST, settings=None):
    return attach(host(host_name), "hybrid", settings or VARIANTS[variant][1], seed=0)


def module_of(model):
    return Module(config_dict(model), module_tensors(model), {})


@torch.no_grad()
def logits(model, host_name=HOST):
    return model.eval()(**batch(encoder_decoder=host_name.startswith("t5"))).logits


def test_every_technique_is_a_part_or_has_a_reason():
    assert {*MARKS, *NO_PART} == {*METHODS}


@pytest.mark.parametrize("variant", PARTS)
def test_parts_are_plain_modules_and_alone_they_are_in_the_host_what_they_are_in_the_hybrid(variant):
    """A part under which the other adds nothing is that part alone; so is the file of either, for peft too."""
    model = spread_module(hybrid(variant))
    module = module_of(model)
    parts = split_module(module)
    assert list(parts) == PARTS[variant]
    assert sum(len(part.tensors) for part in parts.values()) == len(module.tensors)
    for name, part in parts.items():
        alone = attach(host(HOST), name, SETTINGS[name], seed=0)
        assert part.config == config_dict(alone) and part.shapes() == module_of(alone).shapes()
        (other,) = set(parts) - {name}
        if other not in NEUTRAL:
            continue
        one = 1.0 if other == "ia3" else 0.0
        still = {
            key: torch.full(t.shape, one).numpy() if NEUTRAL[other] in key else t for key, t in module.tensors.items()
        }
        load_tensors(model, still)
        together = logits(model)
        torch.testing.assert_close(together, logits(attach_module(host(HOST), part)), atol=1e-6, rtol=1e-6)
        assert (together - logits(host(HOST))).abs().max() > 1e-3
        load_tensors(model, module.tensors)


@pytest.mark.parametrize("name", ["lora", "ia3"])
def test_peft_reads_a_part_by_itself(name, tmp_path):
    part = split_module(module_of(spread_module(hybrid("hybrid, one projection"))))[name]
    write_module(tmp_path, part)
    theirs = PeftModel.from_pretrained(host(HOST), str(tmp_path))
    assert torch.equal(logits(theirs), logits(attach_module(host(HOST), part)))


def test_it_is_neutral_at_the_start_where_both_parts_are():
    assert torch.equal(logits(hybrid("hybrid, one projection")), logits(host(HOST)))


@pytest.mark.parametrize("host_name", [HOST, "bert", "gpt2", "llama"])
def test_lora_with_adapters_is_peft_s_lora_with_adapters_by_hand(host_name):
    """The adapters as forward hooks, on one host of each layout."""
    targets = ["qkv", "wo"] if host_name == "gpt2" else ["q", "v", "o"]
    settings = {"parts": {"lora": SETTINGS["lora"] | {"targets": targets}, "adapters": SETTINGS["adapters"]}}
    model = spread_module(hybrid(None, host_name, settings))
    parts, wanted = split_module(module_of(model)), logits(model, host_name)
    plain = attach_module(host(host_name), parts["lora"])
    for down in [name for name in parts["adapters"].tensors if name.endswith("houlsby_down_weight")]:
        tensors = [
            torch.from_numpy(parts["adapters"].tensors[down.replace("down_weight", leaf)])
            for leaf in ("down_weight", "down_bias", "up_weight", "up_bias")
        ]

        def behind(layer, inputs, output, tensors=tensors):
            into, into_bias, out, out_bias = tensors
            return output + nn.functional.gelu(output @ into.T + into_bias) @ out.T + out_bias

        plain.get_submodule(down.removesuffix(".houlsby_down_weight")).register_forward_hook(behind)
    torch.testing.assert_close(logits(plain, host_name), wanted, atol=1e-5, rtol=1e-5)
    assert (wanted - logits(detach(model), host_name)).abs().max() > 1e-3


def test_at_one_projection_the_outer_part_scales_what_the_inner_one_adds():
    site = (
        spread_module(hybrid("hybrid, one projection"))
        .eval()
        .get_submodule("base_model.model.encoder.block.0.layer.0.SelfAttention.v")
    )
    hidden, inner = torch.randn(2, 3, 16), site.base_layer
    update = inner.lora_B["default"].weight @ inner.lora_A["default"].weight * inner.scaling["default"]
    wanted = hidden @ (inner.base_layer.weight + update).T * site.ia3_l["default"].flatten()
    torch.testing.assert_close(site(hidden), wanted)


def test_the_order_in_the_settings_changes_nothing():
    parts = SETTINGS["hybrid"]["parts"]
    one, other = (
        module_of(hybrid(None, settings={"parts": dict(order)})) for order in (parts.items(), reversed(parts.items()))
    )
    assert one.config == other.config
    assert all((tensor == other.tensors[name]).all() for name, tensor in one.tensors.items())


def test_what_merges_is_what_both_parts_can():
    assert mergeable(hybrid("hybrid, one projection")) and not mergeable(hybrid("hybrid"))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("base_model.model.encoder.block.0.layer.0.SelfAttention.q.lora_A.weight", "lora"),
        ("base_model.prefix_tuning_cross_bias", "prefix_tuning"),
        ("base_model.model.classifier.weight", None),
    ],
)
def test_the_part_of_a_tensor_is_told_by_its_name(name, part):
    assert part_of(name) == part


def test_a_module_of_one_technique_has_no_parts():
    with pytest.raises(ValueError, match="expected a module of two techniques, got one of type LORA"):
        split_module(module_of(attach(host(HOST), "lora", SETTINGS["lora"], seed=0)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lora": None}, "expected the configs of two parts"),
        ({"prompt_tuning": {}}, "expected the configs of two parts"),
        ({"lora": {"peft_type": "IA3"}}, "the part lora is of type IA3"),
        ({"lora": {"peft_type": "LORA", "bias": "all"}}, "would change the host: bias is 'all'"),
        ({"lora": {"peft_type": "LORA", "r": 10**7}}, "no tensor of it has that size"),
        ({"lora": {"peft_type": "LORA", "strange": 1}}, "fields that peft .* does not know: strange"),
    ],
)
def test_a_part_that_is_none_is_refused_before_the_host_is_touched(change, said):
    module, bare = module_of(hybrid("hybrid")), host(HOST)
    wrong = Module(module.config | {"parts": module.config["parts"] | change}, module.tensors, {})
    with pytest.raises(ValueError, match=said):
        attach_module(bare, wrong)
    assert not hasattr(bare, "peft_config")
    assert torch.equal(logits(bare), logits(host(HOST)))


def test_as_a_module_that_exists_already_it_is_refused_with_the_way_out(tmp_path):
    write_module(tmp_path, module_of(hybrid("hybrid")))
    with pytest.raises(AdapterError, match=r"HYBRID cannot be brought: .*split_module` makes a plain one of each part"):
        form_of(read_adapter(tmp_path))
