"""Further encoders and encoder-decoders: what can fail in one family apart from the others, one test per cell."""

import pytest
import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as PEFT_TARGETS

from peftport.hosts.families.table import family
from peftport.injection.attach import attach, attach_module, config_dict, detach, module_tensors, trainable_parameters
from peftport.storage.modules import Module, read_module, write_module
from tests.hosts import ENCODER_DECODERS, ENCODERS, PAD, T5_HOSTS, batch, host
from tests.matrix.test_technique_on_host import equal, host_state, moved
from tests.techniques import SETTINGS, fused, of_name

HOSTS = ENCODERS + ENCODER_DECODERS
# the other head and the tied layer are those of hosts of the matrix, with the same sites
MATRIX = tuple(name for name in HOSTS if name not in ("deberta-v2_new_head", "umt5_tied"))
NO_PROMPT = "take no prompt: prompt tuning needs a decoder"
NO_BLOCK = r"have no sites attention_block.*\(attention_block: the layer itself adds the residual"
NO_PREFIX = r"have no sites encoder_self.*\(encoder_self: disentangled attention scores a key by its place"
REFUSED = {(name, "prompt_tuning"): NO_PROMPT for name in MATRIX if name in ENCODERS}
REFUSED |= {(name, "tiny_attention"): NO_BLOCK for name in ("distilbert", "modernbert", "bart")}
REFUSED["deberta-v2", "prefix_tuning"] = NO_PREFIX
CASES = [(name, technique) for name in MATRIX for technique in SETTINGS if (name, technique) not in REFUSED]
CASES += [("modernbert", "ln_tuning")]  # its first layer has a norm less
# positions are counted from the padding token's id, so ids under the mask change them
COUNTED = ("xlm-roberta",)
# peft has no default of its own for these
UNKNOWN_TO_PEFT = ("distilbert", "modernbert", "umt5")


def with_module(name, technique):
    method, settings = of_name(technique)
    settings = fused(settings) if name == "modernbert" else settings
    return attach(host(name), method, settings, seed=1)


def examples(name):
    return batch(encoder_decoder=name in ENCODER_DECODERS)


@torch.no_grad()
def logits(model, inputs):
    return model(**inputs).logits


def test_every_cell_is_seen():
    assert len(CASES) - 1 + len(REFUSED) == len(MATRIX) * len(SETTINGS) == 56
    assert len(REFUSED) == 9


@pytest.mark.parametrize(("name", "technique"), REFUSED)
def test_what_does_not_apply_is_refused_with_the_reason(name, technique):
    with pytest.raises(ValueError, match=REFUSED[name, technique]):
        with_module(name, technique)


def test_fused_projections_are_named_where_separate_ones_are_asked_for():
    with pytest.raises(ValueError, match=r"have no sites q, v; .*\(q: queries, keys and values are one matrix"):
        attach(host("modernbert"), "lora", SETTINGS["lora"], seed=0)


@pytest.mark.parametrize(("name", "technique"), CASES)
def test_it_is_a_technique(name, technique, tmp_path):
    inputs, bare = examples(name), logits(host(name), examples(name))
    model = moved(with_module(name, technique))
    parameters, before = trainable_parameters(model), host_state(model)
    optimiser = torch.optim.AdamW(parameters.values(), lr=1e-2)
    model(**inputs).loss.backward()
    assert [key for key, part in parameters.items() if part.grad is None or not part.grad.any()] == []
    optimiser.step()
    assert equal(before, host_state(model))

    wanted, tensors = logits(model.eval(), inputs), module_tensors(model)
    assert (wanted[:, -bare.shape[1] :] - bare).abs().max() > 1e-3
    with model.disable_adapter():
        # under a prefix the mask is always made: another kernel
        exact = {"atol": 1e-5, "rtol": 1e-4} if technique == "prefix_tuning" else {"atol": 0, "rtol": 0}
        torch.testing.assert_close(logits(model, inputs), bare, **exact)
    write_module(tmp_path, Module(config_dict(model), tensors, {"technique": of_name(technique)[0]}))
    assert torch.equal(logits(attach_module(host(name), read_module(tmp_path)).eval(), inputs), wanted)
    check_padding(name, model, inputs, wanted)
    assert torch.equal(logits(detach(model), inputs), bare)


def check_padding(name, model, inputs, wanted):
    """Neither the order of rows, nor what stands under the mask, nor more of it changes what is read."""
    turned = logits(model, {key: value.flip(0) for key, value in inputs.items()}).flip(0)
    torch.testing.assert_close(turned, wanted, atol=1e-4, rtol=1e-4)
    if name in COUNTED:
        return
    other = {"input_ids": inputs["input_ids"].where(inputs["attention_mask"] == 1, torch.tensor(9))}
    longer = {key: torch.nn.functional.pad(inputs[key], (0, 4), value=PAD) for key in ("input_ids", "attention_mask")}
    text = {key: value for key, value in inputs.items() if key != "labels" or name in ENCODER_DECODERS}
    read = torch.ones_like(wanted[..., 0]) if name in ENCODER_DECODERS else inputs["attention_mask"]
    for changed in (other, longer):
        again = logits(model, text | changed)[:, : wanted.shape[1]]
        torch.testing.assert_close(again[read == 1], wanted[read == 1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [*HOSTS, "bert", "roberta", "t5_gated_untied"])
def test_lora_is_plain_pefts_and_may_be_merged(name):
    kind, inputs = family(host(name).config.model_type), batch(encoder_decoder=name in ENCODER_DECODERS + T5_HOSTS)
    targets = ["qkv"] if name == "modernbert" else ["q", "v"]
    leaves = sorted({site.rpartition(".")[2] for target in targets for _, site in kind.sites[target]})
    assert PEFT_TARGETS.get(kind.name) == (None if kind.name in UNKNOWN_TO_PEFT else leaves)
    ours = moved(attach(host(name), "lora", SETTINGS["lora"] | {"targets": targets}, seed=1)).eval()
    plain = LoraConfig(r=2, lora_alpha=4, target_modules=leaves if kind.name in UNKNOWN_TO_PEFT else None)
    theirs = get_peft_model(host(name), plain).eval()
    assert sorted(theirs.base_model.targeted_module_names) == sorted(ours.base_model.targeted_module_names)
    set_peft_model_state_dict(theirs, {key: torch.from_numpy(tensor) for key, tensor in module_tensors(ours).items()})
    wanted = logits(ours, inputs)
    assert torch.equal(logits(theirs, inputs), wanted)
    assert (logits(host(name), inputs) - wanted).abs().max() > 1e-3
    merged = logits(ours.merge_and_unload(), inputs)
    assert (merged - wanted).abs().max() < 1e-5 * wanted.abs().max()


@pytest.mark.parametrize("name", MATRIX)
def test_a_float32_module_trains_in_a_bfloat16_host(name):
    model = moved(attach(host(name).bfloat16(), "adapters", SETTINGS["adapters"], seed=1))
    model(**examples(name)).loss.backward()
    parameters = trainable_parameters(model).values()
    assert all(parameter.dtype == torch.float32 and parameter.grad.any() for parameter in parameters)


def test_a_prefix_is_seen_where_a_layer_sees_near_tokens_only():
    """The last token of a text is far from its beginning, and the prefix is not."""
    model = moved(with_module("modernbert", "prefix_tuning")).eval()
    near = model.get_base_model().model.layers[1].attn
    inputs = {key: value[:1] for key, value in batch(length=12, encoder_decoder=False).items()}
    with_prefix = logits(model, inputs)
    with torch.no_grad():
        near.prefix_tuning_value["default"].zero_()
        near.prefix_tuning_value_bias["default"].zero_()
    assert ((logits(model, inputs) - with_prefix)[0].abs().amax(-1) > 1e-4).all()
