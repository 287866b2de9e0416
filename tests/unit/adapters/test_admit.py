"""A module that plain peft made does in its host, taken in, exactly what plain peft has it do."""

import copy

import numpy as np
import pytest
import torch
from peft import (
    HRAConfig,
    IA3Config,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PeftModel,
    PromptEncoderConfig,
    PromptTuningConfig,
    VeraConfig,
    get_peft_model,
)
from safetensors.torch import load_file, save_file

from peftport.adapters.admit import as_own, in_order
from peftport.adapters.folder import AdapterError, read_adapter
from peftport.adapters.form import form_of, tensors_of
from peftport.injection.attach import attach, attach_module, detach
from tests.adapters import copied
from tests.hosts import batch, host, spread_module

LORAS = {
    "t5_gated_untied": {"target_modules": ["q", "v", "wo"], "r": 3, "lora_alpha": 5},
    "gpt2": {"target_modules": ["c_attn", "c_proj"], "r": 2, "fan_in_fan_out": True},
    "llama": {"target_modules": "all-linear", "r": 4, "use_rslora": True},
    "qwen3": {"target_modules": ["q_proj", "down_proj"], "use_dora": True},
    "mistral": {
        "target_modules": ["q_proj", "k_proj"],
        "layers_to_transform": [1],
        "rank_pattern": {"k_proj": 5},
        "alpha_pattern": {"layers.1.self_attn.q_proj": 3},
    },
    "bert": {"target_modules": r".*attention\.self\.(query|value)", "r": 3, "init_lora_weights": "gaussian"},
}
PROMPT = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
QV = {"target_modules": ["q_proj", "v_proj"]}
OTHERS = {
    "ia3": ("t5_relu_tied", IA3Config(target_modules=["k", "v", "wo"], feedforward_modules=["wo"])),
    "prompt": ("llama", PROMPT),
    # of a T5 peft's file has as many rows again, which nothing reads
    "prompt of a T5": ("t5_relu_tied", PromptTuningConfig(task_type="SEQ_2_SEQ_LM", num_virtual_tokens=3)),
    "p_tuning": ("llama", PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, encoder_hidden_size=8)),
    "loha": ("llama", LoHaConfig(r=2, alpha=3, rank_pattern={"v_proj": 3}, **QV)),
    "lokr": ("llama", LoKrConfig(r=1, alpha=4, decompose_both=True, alpha_pattern={"1.self_attn.q_proj": 2}, **QV)),
    "oft": ("llama", OFTConfig(oft_block_size=4, coft=True, **QV)),
    "hra": ("bert", HRAConfig(r=2, target_modules=["query"], layers_to_transform=[1])),
    "vera": ("llama", VeraConfig(r=4, save_projection=False, projection_prng_key=7, **QV)),
    "vera, whole": ("llama", VeraConfig(r=4, **QV)),
}
CASES = {name: (name, LoraConfig(**settings)) for name, settings in LORAS.items()} | OTHERS


def saved(name, config, folder, dtype=torch.bfloat16):
    """An adapter by plain peft with other than its initial values, in a folder, its tensors of another float type."""
    torch.manual_seed(1)
    model = spread_module(get_peft_model(host(name), copy.deepcopy(config)))
    model.save_pretrained(folder)
    weights = folder / "adapter_model.safetensors"
    save_file({key: tensor.to(dtype) for key, tensor in load_file(weights).items()}, weights)
    return folder


def inputs(name):
    given = batch(encoder_decoder=name.startswith("t5"))
    return {key: value for key, value in given.items() if key != "labels" or name.startswith("t5")}


@pytest.mark.parametrize("case", CASES)
def test_its_answers_are_those_of_plain_peft_to_the_bit(case, tmp_path):
    name, config = CASES[case]
    whole = getattr(config, "save_projection", False)  # frozen numbers must be those that are drawn, to the bit
    adapter = read_adapter(saved(name, config, tmp_path, torch.float32 if whole else torch.bfloat16))
    with torch.no_grad():
        wanted = PeftModel.from_pretrained(host(name), tmp_path).float().eval()(**inputs(name)).logits
    technique = form_of(adapter)
    module = as_own(host(name), technique, tensors_of(adapter), None)
    with torch.no_grad():
        given = attach_module(host(name), module, trainable=False).eval()(**inputs(name)).logits
        bare = host(name).eval()(**inputs(name)).logits
    assert torch.equal(given, wanted)
    assert given.shape != bare.shape or not torch.equal(given, bare)
    fresh = attach(host(name), technique["method"], technique, seed=0)  # the target host's own are of the same form
    assert {key: part.shape for key, part in module.tensors.items()} == {
        key: part.shape for key, part in as_own(detach(fresh), technique, module.tensors, None).tensors.items()
    }


@pytest.mark.parametrize("rslora", [False, True])
def test_what_pissa_trained_counts_from_its_initial_state(rslora, tmp_path):
    """``peft``'s own conversion of the same training gives the same answers in the unchanged host."""
    config = LoraConfig(
        target_modules=["q_proj", "v_proj"], r=2, lora_alpha=3, init_lora_weights="pissa", use_rslora=rslora
    )
    model = get_peft_model(host("llama"), config)
    model.peft_config["default"].init_lora_weights = True  # so that saving converts nothing yet
    model.save_pretrained(tmp_path / "initial")
    model.peft_config["default"].init_lora_weights = "pissa"
    spread_module(model)
    model.save_pretrained(tmp_path / "converted", path_initial_model_for_weight_conversion=str(tmp_path / "initial"))
    model.save_pretrained(tmp_path / "trained")
    with torch.no_grad():
        wanted = PeftModel.from_pretrained(host("llama"), tmp_path / "converted").eval()(**inputs("llama")).logits
    adapter, initial = (read_adapter(tmp_path / name) for name in ("trained", "initial"))
    with pytest.raises(ValueError, match="init_lora_weights"):
        form_of(adapter)
    with pytest.raises(ValueError, match="expected no initial state"):
        form_of(initial, initial)
    module = as_own(host("llama"), form_of(adapter, initial), tensors_of(adapter, initial), None)
    with torch.no_grad():
        given = attach_module(host("llama"), module, trainable=False).eval()(**inputs("llama")).logits
    torch.testing.assert_close(given, wanted, rtol=1e-5, atol=1e-5)


def test_a_module_that_does_not_fit_says_what_is_missing(tmp_path):
    adapter = read_adapter(saved("llama", LoraConfig(target_modules=["q_proj"], r=2), tmp_path))
    tensors = tensors_of(adapter)
    first = next(iter(tensors))
    technique = form_of(adapter)
    with pytest.raises(ValueError, match=rf"missing 1: {first}"):
        as_own(host("llama"), technique, {name: one for name, one in tensors.items() if name != first}, None)
    with pytest.raises(ValueError, match="is no site of the kinds"):
        as_own(host("t5_gated_untied"), technique, tensors, None)


@pytest.mark.parametrize(
    ("dtype", "change"), [(torch.float32, {"projection_prng_key": 3}), (torch.bfloat16, {})], ids=["key", "bfloat16"]
)
def test_frozen_numbers_that_are_not_drawn_here_are_refused(dtype, change, tmp_path):
    adapter = read_adapter(copied(saved("llama", VeraConfig(r=4, **QV), tmp_path, dtype), tmp_path, **change))
    with pytest.raises(ValueError, match=r"base_model.vera_[AB] is frozen .* torch .* draws other numbers"):
        as_own(host("llama"), form_of(adapter), tensors_of(adapter), None)


@pytest.mark.parametrize(
    ("config", "fields", "said"),
    [
        (LoraConfig(r=2, **QV), {"peft_type": "ADALORA"}, "ADALORA is not offered: it shares out its rank"),
        (LoraConfig(r=2, **QV), {"peft_type": "PREFIX_TUNING"}, "cannot be brought: peft puts its prefix before"),
        (OFTConfig(oft_block_size=4, **QV), {"bias": "oft_only"}, "bias is oft_only"),
        (HRAConfig(r=2, **QV), {"peft_type": "MISS", "init_weights": "bat"}, "none of its tensors is one of a MISS"),
        (PROMPT, {"num_virtual_tokens": 9}, "expected `num_virtual_tokens` of 1 to 3, got 9"),
    ],
)
def test_what_cannot_be_made_here_is_refused_with_the_reason(config, fields, said, tmp_path):
    adapter = read_adapter(copied(saved("llama", config, tmp_path), tmp_path, **fields))
    with pytest.raises(AdapterError, match=said):
        form_of(adapter)


def test_outputs_of_a_head_are_put_in_order():
    rows = np.arange(6.0).reshape(3, 2)
    given = {"base_model.model.classifier.weight": rows, "base_model.model.classifier.bias": rows[:, 0], "x": rows}
    put = in_order(given, "classifier", [2, 0, 1])
    assert put["base_model.model.classifier.weight"].tolist() == [[4, 5], [0, 1], [2, 3]]
    assert put["base_model.model.classifier.bias"].tolist() == [4, 0, 2] and put["x"] is rows
