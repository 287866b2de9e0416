"""The laws that every technique keeps on every host."""

import copy
import re

import numpy as np
import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from peftport.hosts.families.table import family
from peftport.hosts.shape import host_shape
from peftport.injection.attach import (
    attach,
    attach_module,
    config_dict,
    detach,
    load_tensors,
    module_tensors,
    trainable_parameters,
)
from peftport.porting.start import make_start
from peftport.storage.modules import Module, fingerprint, read_module, write_module
from peftport.techniques.settings import technique_settings
from peftport.techniques.table import method
from tests.hosts import OTHER_HOSTS, PAD, T5_HOSTS, batch, host
from tests.techniques import SETTINGS, VARIANTS

# variants of a technique, on the host whose shape they may miss: two layers in the decoder and one in the encoder;
# heads whose widths are together more than the host's
UNEVEN, NARROW = "t5_relu_tied", "t5_narrow_heads"
FURTHER = {
    "adapters, cross": UNEVEN,
    "adapters, shared": UNEVEN,
    "compacter, rule per site": UNEVEN,
    "prefix_tuning, flat": NARROW,
    "lora, all": NARROW,
    "hybrid, prefix in LoRA": NARROW,
    "hybrid, one projection": UNEVEN,
    "hybrid, shared rule": UNEVEN,
    "hybrid, one sub-layer": UNEVEN,
    "hybrid, block": NARROW,
}
T5_CELLS = [*((h, v) for h in T5_HOSTS for v in SETTINGS), *((h, v) for v, h in FURTHER.items())]
T5_CASES = [pytest.param(h, v, id=f"{h}-{v}") for h, v in T5_CELLS]
# what does not apply, and what attach says of it
NO_PROMPT, NO_BLOCK = "take no prompt: prompt tuning needs a decoder", "have no sites attention_block"
REFUSED = {
    ("bert", "prompt_tuning"): NO_PROMPT,
    ("roberta", "prompt_tuning"): NO_PROMPT,
    ("gpt2", "tiny_attention"): NO_BLOCK,  # no submodule of theirs ends with the residual sum
    ("llama", "tiny_attention"): NO_BLOCK,
}
OTHER_CASES = [pytest.param(h, v, id=f"{h}-{v}") for h in OTHER_HOSTS for v in SETTINGS if (h, v) not in REFUSED]
CASES = T5_CASES + OTHER_CASES
# hosts of one layout share their code: how a module's numbers come about does not depend on gates and tied embeddings
ONE_OF_A_LAYOUT = [case for case in CASES if case.values[0] not in T5_HOSTS[1:] or case.values[1] in FURTHER]
# it starts from ones, whatever the seed
SEEDLESS = {"ia3"}
# a prompt and an adapter that all layers share fit hosts of any depth
OF_ANY_DEPTH = {"prompt_tuning", "adapters, shared"}


def test_every_cell_is_seen():
    """Cells: every technique on every host, but for those that are refused, and every further variant on one."""
    assert SETTINGS.keys() | FURTHER.keys() == VARIANTS.keys() and not SETTINGS.keys() & FURTHER.keys()
    assert len(T5_CASES) == len(T5_HOSTS) * len(SETTINGS) + len(FURTHER)
    assert len(OTHER_CASES) == len(OTHER_HOSTS) * len(SETTINGS) - len(REFUSED)
    assert (len(SETTINGS), len(REFUSED), len(CASES)) == (8, 4, 62)


@pytest.mark.parametrize(("host_name", "technique"), REFUSED)
def test_what_does_not_apply_is_refused_with_the_reason(host_name, technique):
    bare = host(host_name)
    with pytest.raises(ValueError, match=REFUSED[host_name, technique]):
        attach(bare, technique, SETTINGS[technique], seed=0)
    assert not hasattr(bare, "peft_config")


def settings_for(host_name: str, technique: str, settings: dict) -> dict:
    """GPT-2's queries, keys and values are one matrix."""
    if "parts" in settings:
        return {"parts": {name: settings_for(host_name, name, part) for name, part in settings["parts"].items()}}
    if host_name == "gpt2" and "targets" in settings:
        return settings | {"targets": ["qkv", "wo"]}
    return settings


def make(host_name: str, variant: str, **more) -> PeftModel:
    technique, settings = VARIANTS[variant]
    base = host(host_name, more.pop("host_seed", 0))
    return attach(base, technique, settings_for(host_name, technique, settings), **({"seed": 1} | more))


def examples(host_name: str) -> dict[str, Tensor]:
    return batch(encoder_decoder=host_name.startswith("t5"))


@torch.no_grad()
def logits(model: PeftModel | PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
    found = model(**{key: value for key, value in inputs.items() if key != "labels" or "t5" in model.config.model_type})
    return found.logits


def moved(model: PeftModel) -> PeftModel:
    """A module well away from its initialisation, so that a wrong one would show in the logits."""
    tensors, generator = module_tensors(model), np.random.default_rng(0)
    noise = {name: 0.3 * generator.standard_normal(tensor.shape, np.float32) for name, tensor in tensors.items()}
    load_tensors(model, {name: tensor + noise[name] for name, tensor in tensors.items()})
    return model


def host_state(model: PeftModel | PreTrainedModel) -> dict[str, Tensor]:
    bare = model.get_base_model() if isinstance(model, PeftModel) else model
    own = set() if not isinstance(model, PeftModel) else set(map(id, trainable_parameters(model).values()))
    return {
        name.replace(".base_layer", ""): parameter.detach().clone()
        for name, parameter in bare.named_parameters()
        if id(parameter) not in own
    }


def equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize(("host_name", "variant"), CASES)
def test_size_and_initialisation(host_name, variant):
    technique, settings = VARIANTS[variant]
    settings = settings_for(host_name, technique, settings)
    before = torch.random.get_rng_state()
    one, same, other = (module_tensors(make(host_name, variant, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert fingerprint(one) == fingerprint(same)
    assert (fingerprint(one) == fingerprint(other)) == (technique in SEEDLESS)
    assert list(one) == sorted(one)
    shape = host_shape(host(host_name).config)
    count = method(technique).parameter_count(technique_settings(technique, settings), shape)
    assert sum(tensor.size for tensor in one.values()) == count
    assert all(tensor.dtype == np.float32 for tensor in one.values())


@pytest.mark.parametrize(("host_name", "variant"), CASES)
def test_training_touches_every_module_parameter_and_nothing_else(host_name, variant):
    model = moved(make(host_name, variant))
    parameters, before = trainable_parameters(model), host_state(model)
    model(**examples(host_name)).loss.backward()
    dead = [name for name, parameter in parameters.items() if parameter.grad is None or not parameter.grad.any()]
    assert dead == []
    optimiser, start = torch.optim.AdamW(parameters.values(), lr=1e-2), module_tensors(model)
    for _ in range(3):
        optimiser.zero_grad()
        model(**examples(host_name)).loss.backward()
        optimiser.step()
    after = module_tensors(model)
    assert all(not np.array_equal(start[name], after[name]) for name in start)
    assert equal(before, host_state(model))
    assert sum(parameter.numel() for parameter in parameters.values()) == sum(t.size for t in after.values())


@pytest.mark.parametrize(("host_name", "variant"), CASES)
def test_disabled_and_detached_are_the_bare_host(host_name, variant):
    inputs = examples(host_name)
    bare = logits(host(host_name), inputs)
    model = moved(make(host_name, variant)).eval()
    assert (logits(model, inputs)[:, -bare.shape[1] :] - bare).abs().max() > 1e-3
    with model.disable_adapter():
        disabled = logits(model, inputs)
    if variant.startswith("prefix") and host_name in OTHER_HOSTS:  # the mask is always made there: another kernel
        torch.testing.assert_close(disabled, bare, atol=1e-5, rtol=1e-4)
    else:
        assert torch.equal(disabled, bare)
    assert torch.equal(logits(detach(model), inputs), bare)


@pytest.mark.parametrize(("host_name", "variant"), ONE_OF_A_LAYOUT)
def test_saved_and_loaded_is_the_same(host_name, variant, tmp_path):
    inputs = examples(host_name)
    model = moved(make(host_name, variant)).eval()
    wanted, tensors = logits(model, inputs), module_tensors(model)
    write_module(tmp_path, Module(config_dict(model), tensors, {"technique": variant}))
    module = read_module(tmp_path)
    assert fingerprint(module.tensors) == fingerprint(tensors)
    ours = attach_module(host(host_name), module).eval()
    assert torch.equal(logits(ours, inputs), wanted)
    assert trainable_parameters(ours).keys() == trainable_parameters(model).keys()
    assert trainable_parameters(attach_module(host(host_name), module, trainable=False)) == {}
    assert fingerprint(module_tensors(attach_module(host(host_name, seed=5), module))) == fingerprint(tensors)
    ported = make_start("ported", module, {"host": host_name}, seed=0)
    assert torch.equal(logits(attach_module(host(host_name), ported).eval(), inputs), wanted)
    theirs = PeftModel.from_pretrained(host(host_name), str(tmp_path)).eval()
    assert torch.equal(logits(theirs, inputs), wanted)


@pytest.mark.parametrize(("host_name", "variant"), ONE_OF_A_LAYOUT)
def test_padding_and_order_change_nothing(host_name, variant):
    model, inputs = moved(make(host_name, variant)).eval(), examples(host_name)
    found, length = logits(model, inputs), inputs["input_ids"].shape[1]
    encoder_decoder = host_name.startswith("t5")
    turned = logits(model, {key: value.flip(0) for key, value in inputs.items()}).flip(0)
    torch.testing.assert_close(turned, found, atol=1e-4, rtol=1e-4)
    for rows in (slice(0, 1), slice(1, 3)):
        part = logits(model, {key: value[rows] for key, value in inputs.items()})
        torch.testing.assert_close(part, found[rows], atol=1e-4, rtol=1e-4)
    other = {**inputs, "input_ids": inputs["input_ids"].where(inputs["attention_mask"] == 1, torch.tensor(9))}
    longer = {key: torch.nn.functional.pad(inputs[key], (0, 4), value=PAD) for key in ("input_ids", "attention_mask")}
    for changed in (other, inputs | longer):
        if host_name == "roberta" and changed is not other:
            continue  # its position ids count non-pad tokens, and the mask agrees with them already
        again = logits(model, changed)
        if encoder_decoder:
            torch.testing.assert_close(again, found, atol=1e-4, rtol=1e-4)
            continue
        prompt = found.shape[1] - length
        real = inputs["attention_mask"] == 1
        again, kept = again[:, prompt : prompt + length][real], found[:, prompt:][real]
        if host_name != "roberta":  # a pad token's id changes RoBERTa's own position ids
            torch.testing.assert_close(again, kept, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("host_name", "variant"), T5_CASES)
def test_generation_agrees_with_teacher_forcing(host_name, variant):
    model, inputs = moved(make(host_name, variant)).eval(), examples(host_name)
    text = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    if host_name == "t5_relu_tied":  # transformers 5.23 makes too small a cache where the decoder has more layers
        text["use_cache"] = False
    written = model.generate(**text, max_new_tokens=4, min_new_tokens=4, do_sample=False)
    forced = logits(
        model, text | {"use_cache": False, "decoder_input_ids": written[:, :-1], "labels": written[:, 1:].contiguous()}
    )
    forced[..., 1] = -torch.inf  # the end token is forbidden by min_new_tokens
    assert torch.equal(forced.argmax(-1), written[:, 1:])
    beams = model.generate(**text, max_new_tokens=3, num_beams=2, do_sample=False)
    assert beams.shape[0] == len(inputs["input_ids"])


@pytest.mark.parametrize(("host_name", "variant"), [case for case in CASES if "gpt2" in case.id or "llama" in case.id])
def test_generation_of_a_decoder_agrees_with_teacher_forcing(host_name, variant):
    model, inputs = moved(make(host_name, variant)).eval(), examples(host_name)
    text = {key: inputs[key][:1] for key in ("input_ids", "attention_mask")}
    length = text["input_ids"].shape[1]
    written = model.generate(**text, max_new_tokens=4, min_new_tokens=4, do_sample=False)[:, -4:]
    whole = torch.cat([text["input_ids"], written], 1)
    forced = logits(model, {"input_ids": whole, "attention_mask": torch.ones_like(whole)})[:, -5:-1]
    forced[..., 1] = -torch.inf  # the end token is forbidden by min_new_tokens
    assert written.shape == (1, 4) and whole.shape[1] == length + 4
    assert torch.equal(forced.argmax(-1), written)


@pytest.mark.parametrize(("host_name", "variant"), ONE_OF_A_LAYOUT)
def test_a_float32_module_trains_in_a_bfloat16_host(host_name, variant):
    technique, settings = VARIANTS[variant]
    model = attach(host(host_name).bfloat16(), technique, settings_for(host_name, technique, settings), seed=1)
    parameters = trainable_parameters(moved(model))
    assert all(parameter.dtype == torch.float32 for parameter in parameters.values())
    optimiser, before = torch.optim.AdamW(parameters.values(), lr=1e-2), module_tensors(model)
    model(**examples(host_name)).loss.backward()
    optimiser.step()
    assert all(not np.array_equal(before[name], tensor) for name, tensor in module_tensors(model).items())


@pytest.mark.parametrize(("host_name", "variant"), [case for case in ONE_OF_A_LAYOUT if "bert" not in case.id])
def test_later_tokens_do_not_change_earlier_ones(host_name, variant):
    model, inputs = moved(make(host_name, variant)).eval(), examples(host_name)
    key = "labels" if host_name.startswith("t5") else "input_ids"
    changed = inputs | {key: inputs[key].clone()}
    changed[key][0, -2] += 1  # a decoder reads its labels one position later, so the last of them not at all
    one, other = logits(model, inputs)[0], logits(model, changed)[0]
    reached = one.shape[0] - (1 if key == "labels" else 2)
    torch.testing.assert_close(one[:reached], other[:reached], atol=1e-5, rtol=1e-5)
    assert (one[reached:] - other[reached:]).abs().max() > 1e-3


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "prompt_tuning"])
def test_a_missing_site_is_named(variant):
    technique, settings = VARIANTS[variant]
    damaged = host("t5_gated_untied")
    del damaged.decoder.block[1]
    with pytest.raises(ValueError, match=r"lacks sites.*decoder\.block\.1\."):
        attach(damaged, technique, settings, seed=0)
    assert not hasattr(damaged, "peft_config")


@pytest.mark.parametrize(
    ("host_name", "layers"), [("bert", "bert.encoder.layer"), ("gpt2", "transformer.h"), ("llama", "model.layers")]
)
def test_a_missing_site_of_other_families_is_named(host_name, layers):
    for technique in SETTINGS:
        if (host_name, technique) not in REFUSED and technique != "prompt_tuning":
            damaged = host(host_name)
            del damaged.get_submodule(layers)[1]
            with pytest.raises(ValueError, match=rf"lacks sites.*{layers.split('.')[-1]}\.1\."):
                attach(damaged, technique, settings_for(host_name, technique, SETTINGS[technique]), seed=0)
            assert not hasattr(damaged, "peft_config")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_module_of_another_shape_is_refused(variant):
    model = make("t5_gated_untied", variant)
    module = Module(config_dict(model), module_tensors(model), {})
    wider = host("t5_relu_tied")
    inputs = examples("t5_relu_tied")
    bare = logits(wider, inputs)
    with pytest.raises(ValueError, match=r"does not fit this host: .*mis-shaped \d+: "):
        attach_module(wider, module)
    assert torch.equal(logits(wider, inputs), bare)  # bare again
    if variant not in OF_ANY_DEPTH:
        with pytest.raises(ValueError, match=r"extra \d+: .*block\.1"):
            attach_module(host("t5_narrow_heads"), module)
        first = next(iter(module.tensors))
        fewer = Module(module.config, {name: t for name, t in module.tensors.items() if name != first}, {})
        with pytest.raises(ValueError, match=f"missing 1: {re.escape(first)}"):
            attach_module(host("t5_gated_untied"), fewer)


@pytest.mark.parametrize("variant", VARIANTS)
def test_attention_implementations_agree(variant):
    technique, settings = VARIANTS[variant]
    found = {}
    for implementation in ("eager", "sdpa"):
        model = moved(attach(host("t5_gated_untied", attention=implementation), technique, settings, seed=1)).eval()
        found[implementation] = logits(model, examples("t5_gated_untied"))
    torch.testing.assert_close(found["eager"], found["sdpa"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name not in ("prompt_tuning", "lora, all")])
def test_several_modules_in_one_host(variant):
    inputs = examples("t5_gated_untied")
    model = moved(make("t5_gated_untied", variant)).eval()
    first = logits(model, inputs)
    config = copy.deepcopy(model.peft_config["default"])
    model.add_adapter("second", config)
    assert torch.equal(logits(model, inputs), first)
    model.set_adapter("second")
    second = logits(model, inputs)
    assert not torch.equal(second, first)
    assert trainable_parameters(model) and all(".second" in name for name in trainable_parameters(model))
    model.set_adapter("default")
    assert torch.equal(logits(model, inputs), first)
    assert all(".default" in name for name in trainable_parameters(model))
    model.delete_adapter("second")
    assert not any("second" in name for name, _ in model.named_parameters())
    assert torch.equal(logits(model, inputs), first)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_copy_is_equal_and_independent(variant):
    inputs, model = examples("t5_gated_untied"), moved(make("t5_gated_untied", variant)).eval()
    twin, wanted = copy.deepcopy(model), logits(model, inputs)
    assert torch.equal(logits(twin, inputs), wanted)
    load_tensors(twin, {name: tensor + 1 for name, tensor in module_tensors(twin).items()})
    assert torch.equal(logits(model, inputs), wanted)
    assert not torch.equal(logits(twin, inputs), wanted)


@pytest.mark.parametrize("variant", VARIANTS)
def test_expected_sites_are_those_of_the_family(variant):
    technique, settings = VARIANTS[variant]
    settings = technique_settings(technique, settings)
    for name in T5_HOSTS:
        shape, kind = host_shape(host(name).config), family("t5")
        kinds = method(technique).site_kinds(settings, kind)
        assert len(kind.names(kinds, shape)) == method(technique).expected_sites(settings, shape)
