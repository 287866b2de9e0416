"""What can go wrong by family of decoders: every technique, against plain peft and transformers' own means."""

import re

import pytest
import torch
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
from transformers import DynamicCache

from peftport.hosts.families.table import FAMILIES, family
from peftport.hosts.shape import host_shape
from peftport.injection.attach import (
    attach,
    attach_module,
    config_dict,
    detach,
    module_tensors,
    trainable_parameters,
)
from peftport.matching.added import groups, measure
from peftport.storage.modules import Module, read_module, write_module
from peftport.techniques.settings import technique_settings
from peftport.techniques.table import method
from tests.hosts import DECODER_SETTINGS, DECODERS, MIXTURES, batch, host
from tests.matrix.test_technique_on_host import equal, host_state, logits, moved
from tests.techniques import FROM_PEFT, SETTINGS

TECHNIQUES = SETTINGS | {"ln_tuning": FROM_PEFT["ln_tuning"]}
IN_ATTENTION = {
    "adapters": {"sites": ["attention"]},
    "compacter": {"sites": ["attention"]},
    "ia3": {"targets": ["k", "v"]},
}
NO_BLOCK = "have no sites attention_block"  # no submodule of theirs ends with the residual sum
REFUSED = {(name, "tiny_attention"): NO_BLOCK for name in DECODERS}
EXPERTS_ARE_ONE = r"have no sites .*\(\w+: a router takes some of several experts"
REFUSED |= {(name, technique): EXPERTS_ARE_ONE for name in MIXTURES for technique in (*IN_ATTENTION, "hybrid")}
REFUSED["opt, norms last", "prompt_tuning"] = "takes no prompt of peft's: its embeddings are 8 wide and its layers 16"
CASES = [
    (name, technique)
    for name in DECODERS
    for technique in TECHNIQUES
    if REFUSED.get((name, technique)) in (None, EXPERTS_ARE_ONE)  # in attention alone they fit
]
WINDOWED = [name for name, (_, settings) in DECODER_SETTINGS.items() if "sliding_window" in settings]
LENGTH = 7


def settings_of(name, technique):
    """Of a technique for a host; where queries, keys and values are one matrix it is named whole."""
    settings = TECHNIQUES[technique]
    if "parts" in settings:
        return {"parts": {part: settings_of(name, part) for part in settings["parts"]}}
    if name in MIXTURES:
        return settings | IN_ATTENTION.get(technique, {})
    if "targets" in settings and "q" not in family(DECODER_SETTINGS[name][0]).sites:
        settings = settings | {"targets": [kind for kind in ("qkv", "wo") if technique == "ia3" or kind == "qkv"]}
    return settings


def put(name, technique, bare=None, **more):
    return attach(bare or host(name), way_of(technique), settings_of(name, technique) | more, seed=1)


def way_of(technique):
    return "peft" if technique in FROM_PEFT else technique


def wrapped(model):
    return {name for name, part in model.get_base_model().named_modules() if isinstance(part, BaseTunerLayer)}


def test_every_family_of_decoders_is_here_or_in_the_large_matrix():
    causal = {name for name in FAMILIES if family(name).lm_type == "causal"}
    assert causal == {kind for kind, _ in DECODER_SETTINGS.values()} | {"gpt2", "llama"}


@pytest.mark.parametrize(("name", "technique"), REFUSED)
def test_what_does_not_apply_is_refused_with_the_reason(name, technique):
    with pytest.raises(ValueError, match=REFUSED[name, technique]):
        put(name, technique, **TECHNIQUES[technique])


@pytest.mark.parametrize(("name", "technique"), CASES)
def test_a_technique_keeps_its_laws(name, technique, tmp_path):
    """Counted, trained whole and alone, taken out without a trace, saved, loaded; padding and later tokens unseen."""
    bare, inputs = host(name), batch(encoder_decoder=False)
    shape, without = host_shape(bare.config), logits(bare, inputs)
    model = moved(put(name, technique, bare))
    way = method("peft" if technique in FROM_PEFT else technique)
    if hasattr(way, "parameter_count"):
        count = sum(tensor.size for tensor in module_tensors(model).values())
        assert count == way.parameter_count(technique_settings(way_of(technique), settings_of(name, technique)), shape)
    before = host_state(model)
    model(**inputs).loss.backward()
    assert [key for key, one in trainable_parameters(model).items() if one.grad is None or not one.grad.any()] == []
    assert equal(before, host_state(model))

    wanted = logits(model.eval(), inputs)
    real = inputs["attention_mask"] == 1
    prompt = wanted.shape[1] - LENGTH
    assert (wanted[:, prompt:] - without)[real].abs().max() > 1e-2
    write_module(tmp_path, Module(config_dict(model), module_tensors(model), {"technique": way.__name__}))
    assert torch.equal(logits(attach_module(host(name), read_module(tmp_path)).eval(), inputs), wanted)
    longer = {key: torch.nn.functional.pad(inputs[key], (0, 4)) for key in ("input_ids", "attention_mask")}
    again = logits(model, longer)[:, prompt : prompt + LENGTH]
    torch.testing.assert_close(again[real], wanted[:, prompt:][real], atol=1e-4, rtol=1e-4)
    changed = inputs["input_ids"].clone()
    changed[0, 4] += 1
    other = logits(model, inputs | {"input_ids": changed})[0, prompt:]
    torch.testing.assert_close(other[:4], wanted[0, prompt:][:4], atol=1e-5, rtol=1e-5)
    assert (other[4:] - wanted[0, prompt:][4:]).abs().max() > 1e-3
    assert torch.equal(logits(detach(model), inputs), without)


@pytest.mark.parametrize("name", DECODERS)
def test_lora_is_plain_pefts_and_merges(name):
    """At the sites that peft chooses by itself where it knows the type, and with the same logits."""
    inputs, ours = batch(encoder_decoder=False), moved(put(name, "lora")).eval()
    known = name not in MIXTURES and DECODER_SETTINGS[name][0] in TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
    leaves = None if known else sorted({site.rpartition(".")[2] for site in wrapped(ours)})
    plain = LoraConfig(r=2, lora_alpha=4, target_modules=leaves, task_type="CAUSAL_LM")
    theirs = get_peft_model(host(name), plain).eval()
    assert wrapped(ours) == wrapped(theirs)
    set_peft_model_state_dict(theirs, {key: torch.tensor(one) for key, one in module_tensors(ours).items()})
    wanted = logits(ours, inputs)
    assert torch.equal(logits(theirs, inputs), wanted)
    merged = ours.merge_and_unload()
    assert not any(isinstance(part, BaseTunerLayer) for part in merged.modules())
    torch.testing.assert_close(logits(merged, inputs), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
@torch.no_grad()
def test_a_prefix_is_what_a_cache_in_front_of_the_text_is(name):
    """Grouped heads, wide heads, capped scores and interleaved matrices: transformers' own cache holds the prefix."""
    bare = host(name)
    if name in WINDOWED:  # a cache has places in the text, and a window would leave the first of them behind
        bare.config.sliding_window = 32
    model = moved(put(name, "prefix_tuning", bare, reparameterisation=None, init_std=2.0)).eval()
    ids = batch(rows=2, encoder_decoder=False)["input_ids"][:1].repeat(2, 1)
    ours = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    layers = [part for part in model.modules() if hasattr(part, "keys_and_values")]
    plain, cache = detach(model), DynamicCache()
    for index, layer in enumerate(layers):
        keys, values = (layer._by_head((one,)).expand(2, -1, -1, -1) for one in layer.keys_and_values("default"))
        cache.update(keys, values, index)
    mask = torch.ones(2, 3 + ids.shape[1], dtype=torch.long)
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    theirs = plain(input_ids=ids, attention_mask=mask, past_key_values=cache, position_ids=positions).logits
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert (ours - plain(input_ids=ids).logits).abs().max() > 1e-2


@pytest.mark.parametrize("name", [name for name in DECODERS if (name, "prompt_tuning") not in REFUSED])
@torch.no_grad()
def test_a_prompt_of_words_is_these_words(name):
    """Scaled embeddings and learned positions: a prompt that holds the embeddings of tokens is these tokens."""
    model, inputs = put(name, "prompt_tuning").eval(), batch(encoder_decoder=False)
    words = torch.tensor([5, 17, 33])
    model.prompt_encoder["default"].embedding.weight.copy_(model.get_base_model().get_input_embeddings()(words))
    ours = logits(model, inputs)
    ids = torch.cat([words.expand(3, -1), inputs["input_ids"]], 1)
    mask = torch.nn.functional.pad(inputs["attention_mask"], (3, 0), value=1)
    theirs = model.get_base_model()(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(ours[mask == 1], theirs[mask == 1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", WINDOWED)
@torch.no_grad()
def test_a_window_slides_over_the_text_and_never_over_a_prefix(name):
    """Of four tokens in the first layer: the sixth token's attention there sees no first token, but the prefix."""
    model = moved(put(name, "prefix_tuning")).eval()
    attention = next(part for part in model.modules() if hasattr(part, "keys_and_values"))
    seen = []
    attention.register_forward_hook(lambda module, args, output: seen.append(output[0]))
    text = batch(rows=1, length=8, encoder_decoder=False)
    changed = text["input_ids"].clone()
    changed[0, 0] += 1
    for ids in (text["input_ids"], changed):
        logits(model, text | {"input_ids": ids})
    with model.disable_adapter():
        logits(model, text)
    with_prefix, other, without = (output[0] for output in seen)
    differs = (with_prefix - other).abs().amax(-1) > 1e-6
    assert differs.tolist() == [True] * 4 + [False] * 4
    assert ((with_prefix - without).abs().amax(-1) > 1e-3).all()


@torch.no_grad()
def test_scores_and_logits_stay_capped():
    model, inputs = moved(put("gemma2", "lora")).eval(), batch(encoder_decoder=False)
    capped = logits(model, inputs)
    cap = model.config.final_logit_softcapping
    model.config.final_logit_softcapping = None
    torch.testing.assert_close(torch.tanh(logits(model, inputs) / cap) * cap, capped)
    for layer in model.get_base_model().model.layers:
        layer.self_attn.attn_logit_softcapping = None
    model.config.final_logit_softcapping = cap
    assert (logits(model, inputs) - capped).abs().max() > 1e-2


@pytest.mark.parametrize("name", [name for name in DECODERS if name not in MIXTURES])
def test_what_an_adapter_adds_enters_the_residual_sum_as_it_is(name):
    """An adapter that adds a constant moves what leaves the layer by that constant, whatever norms the layer has."""
    bare, inputs = host(name), batch(rows=1, encoder_decoder=False)
    model = put(name, "adapters", bare, sites=["feed_forward"])
    (layers,) = [part for part in bare.modules() if type(part).__name__ == "ModuleList" and len(part) == 2]
    seen = []
    layers[0].register_forward_hook(lambda module, args, output: seen.append(output))
    for shift in (0.0, 2.0):
        with torch.no_grad():
            for key, parameter in trainable_parameters(model).items():
                parameter.fill_(shift if key.split(".")[-2].endswith("up_bias") else 0.0)
        logits(model, inputs)
    moved_by = seen[1] - seen[0]
    if name == "opt, norms last":  # the one host whose norm stands behind the residual sum
        assert not torch.allclose(moved_by, torch.full_like(moved_by, 2.0), atol=1e-4)
    else:
        torch.testing.assert_close(moved_by, torch.full_like(moved_by, 2.0))


@pytest.mark.parametrize("technique", ["adapters", "prefix_tuning", "ia3"])
def test_what_opt_adds_is_measured_though_it_flattens_its_texts(technique):
    """OPT's feed-forward sub-layers see texts and positions in one dimension."""
    model, inputs = moved(put("opt", technique)).eval(), batch(encoder_decoder=False)
    output = method(technique).OUTPUT
    sites = groups(model, output)
    whole = measure(model, sites, output.neutral, [inputs])
    parts = [{key: one[row : row + 1] for key, one in inputs.items()} for row in range(3)]
    for together, apart in zip(whole, measure(model, sites, output.neutral, parts), strict=True):
        assert together.entries == apart.entries > 0
        assert together.whole == pytest.approx(apart.whole, rel=1e-4) and together.whole > 0


def test_the_pattern_of_a_family_matches_whole_names_only():
    """``mlp.down_proj`` of a layer, and no name that ends alike elsewhere."""
    pattern = family("qwen2").pattern(["wo"])
    assert re.fullmatch(pattern, "model.layers.11.mlp.down_proj")
    assert not re.fullmatch(pattern, "model.layers.11.mlp.experts.0.down_proj")
