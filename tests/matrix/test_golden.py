"""Our techniques against other implementations: same host, same module, same logits (tests/golden/README.md)."""

import numpy as np
import pytest
import torch
import transformers
from peft import PeftModel
from transformers.models.t5 import modeling_t5

from peftport.injection.attach import attach, load_tensors
from tests.golden_maps import FOLDER, INDEX, Tensors, golden, golden_logits, our_module
from tests.techniques import SETTINGS

LIMIT = 1e-4  # largest difference over largest logit
SEEN = 1e-3  # what a wrong module must exceed
WITHOUT_POSITIONS = "t5-prefix_tuning-without_positions"
ATTENTIONS = ("eager", "sdpa")

BOTTLENECK = {"reduction_factor": 4, "bottleneck": None}
# second part of a file's name to the technique, and our settings that say what index.json's settings say
OURS = {
    "adapters": ("adapters", BOTTLENECK | {"non_linearity": "swish"}),
    "compacter": ("compacter", BOTTLENECK | {"non_linearity": "gelu", "division": 2, "rank": 2}),
    "lora": ("lora", {"rank": 3, "alpha": 5, "targets": ["q", "v"]}),
    "prefix_tuning": ("prefix_tuning", {"length": 3, "reparameterisation": 5, "attentions": None}),
    "prefix_tuning_flat": ("prefix_tuning", {"length": 3, "reparameterisation": None, "attentions": None}),
    "ia3": ("ia3", {"targets": ["k", "v", "wo"]}),
    "ia3_attention": ("ia3", {"targets": ["k", "v"]}),
    "prompt_tuning": ("prompt_tuning", {"length": 3}),
    "tiny_attention": ("tiny_attention", {"width": 4, "heads": 2}),
}
# GPT-2's queries, keys and values are one matrix: two updates of rank 3 are one of rank 6, with alpha / rank as before
OURS_HERE = {
    "t5-adapters": {"sites": ["attention", "cross_attention", "feed_forward"]},
    "gpt2-lora": {"rank": 6, "alpha": 10, "targets": ["qkv"]},
    "gpt2-ia3": {"targets": ["qkv", "wo"]},
    "gpt2-ia3_attention": {"targets": ["qkv"]},
}
# the library scales inner activations before the non-linearity, the paper and peft behind it (in T5's gated product the
# two are one); and it shifts T5's relative positions by the length of the prefix
OTHER_CONVENTION = {"bert-ia3", "gpt2-ia3", "t5-prefix_tuning", "t5-prefix_tuning_flat"}
SAME = [file for file in INDEX["files"] if file not in OTHER_CONVENTION]


def variant(file: str) -> tuple[str, dict]:
    """Technique and settings of a golden file, in our words."""
    technique, settings = OURS[file.split("-")[1]]
    return technique, SETTINGS[technique] | settings | OURS_HERE.get(file, {})


def host(name: str, attention: str = "eager", without_positions: bool = False) -> transformers.PreTrainedModel:
    """A golden host, every parameter from its file."""
    made = INDEX["hosts"][name]
    config = getattr(transformers, made["config"])(**made["settings"], attn_implementation=attention)
    model, weights = getattr(transformers, made["model"])(config), golden(name, "host")
    if name == "t5":  # building from a config always ties in transformers 5
        model.lm_head = torch.nn.Linear(config.d_model, config.vocab_size, bias=False)
    parameters = dict(model.named_parameters())
    assert {key: tuple(one.shape) for key, one in parameters.items()} == {key: w.shape for key, w in weights.items()}
    with torch.no_grad():
        for key, parameter in parameters.items():
            drop = without_positions and "relative_attention_bias" in key
            parameter.copy_(torch.zeros(()) if drop else torch.from_numpy(weights[key]))
    return model.eval()


def with_module(file: str, tensors: Tensors, attention: str = "eager", settings: dict | None = None) -> PeftModel:
    """The golden host of this file with a module in it."""
    technique, ours = variant(file)
    bare = host(file.split("-")[0], attention, file == WITHOUT_POSITIONS)
    model = attach(bare, technique, ours | (settings or {}), seed=0)
    load_tensors(model, tensors)  # refuses missing, extra and mis-shaped ones
    return model.eval()


@torch.no_grad()
def logits(model: torch.nn.Module, name: str) -> np.ndarray:
    return model(**{key: torch.from_numpy(one) for key, one in golden(name, "inputs").items()}).logits.numpy()


def error(file: str, model: torch.nn.Module) -> float:
    """Largest difference from the golden logits, over the largest of them."""
    wanted, found = golden_logits(file), logits(model, file.split("-")[0])
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def shift_positions(model: PeftModel, tensors: Tensors, monkeypatch) -> None:
    """The library's T5: prefix keys at positions 0.. and the text's behind them, while queries stay where they are."""
    plain, first = modeling_t5.eager_attention_forward, {}
    for stack in (model.get_base_model().encoder, model.get_base_model().decoder):
        attentions = [block.layer[0].SelfAttention.base_layer for block in stack.block]
        first |= dict.fromkeys(attentions, attentions[0])

    def shifted(module, query, key, value, mask, position_bias=None, **more):
        if module in first:  # the first layer of a stack holds the bias of all
            position_bias = first[module].compute_bias(query.shape[2], key.shape[2])
        return plain(module, query, key, value, mask, position_bias=position_bias, **more)

    monkeypatch.setattr(modeling_t5, "eager_attention_forward", shifted)


def scale_before_activation(model: PeftModel, tensors: Tensors, monkeypatch) -> None:
    """The library's (IA)3: the vector on the output of the inner projection, and none behind the non-linearity."""
    for name, vector in tensors.items():
        wide = name.replace("output.dense.ia3_l", "intermediate.dense").replace("mlp.c_proj.ia3_l", "mlp.c_fc")
        if wide != name:
            scale = torch.from_numpy(vector.copy())
            model.get_submodule(wide).register_forward_hook(lambda module, given, output, scale=scale: output * scale)
            tensors = tensors | {name: np.ones_like(vector)}
    load_tensors(model, tensors)


def test_the_index_names_every_file():
    there = {path.name for path in FOLDER.glob("*.safetensors")}
    assert there == {f"{name}.safetensors" for name in (*INDEX["hosts"], *INDEX["files"])}
    assert max(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 200_000
    assert len(INDEX["files"]) == 26 and set(INDEX["files"]) >= OTHER_CONVENTION
    assert {variant(file)[0] for file in SAME} == set(MISTAKES)


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("name", INDEX["hosts"])
def test_bare_hosts(name, attention):
    """Else a difference below would be transformers', not ours."""
    assert error(name, host(name, attention)) < LIMIT


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("file", SAME)
def test_same_logits(file, attention):
    model = with_module(file, our_module(file, variant(file)[0]), attention)
    assert error(file, model) < LIMIT
    bare = golden_logits(file.split("-")[0])
    assert np.abs(golden_logits(file)[:, -bare.shape[1] :] - bare).max() > 1  # the module matters


@pytest.mark.parametrize("file", sorted(OTHER_CONVENTION))
def test_another_convention_is_the_whole_difference(file, monkeypatch):
    """Ours differs, and with their convention put in it is equal."""
    technique, _ = variant(file)
    tensors = our_module(file, technique)
    model = with_module(file, tensors)
    assert error(file, model) > 10 * SEEN
    convention = {"ia3": scale_before_activation, "prefix_tuning": shift_positions}[technique]
    convention(model, tensors, monkeypatch)
    assert error(file, model) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("file", SAME)
def test_every_tensor_matters(file):
    tensors = our_module(file, variant(file)[0])
    model, unseen = with_module(file, tensors), []
    for name in tensors:
        load_tensors(model, tensors | {name: 1.1 * tensors[name]})
        if error(file, model) < SEEN:
            unseen.append(name)
    assert unseen == []


def swap(tensors: Tensors, one: str, other: str) -> Tensors:
    """Exchange tensors whose names differ by these parts."""
    names = {name: name.replace(one, "*").replace(other, one).replace("*", other) for name in tensors}
    assert any(name != new for name, new in names.items())
    return {name: tensors[new] for name, new in names.items()}


def turned(tensors: Tensors, part: str) -> Tensors:
    """Reverse the rows of tensors with this part in their names."""
    assert any(part in name for name in tensors)
    return {name: np.flip(one, 0) if part in name else one for name, one in tensors.items()}


# technique to a mistake that keeps every shape: in the settings, or in the tensors
MISTAKES = {
    "adapters": [({"non_linearity": "relu"}, None)],
    "compacter": [
        ({"non_linearity": "relu"}, None),
        ({}, lambda t: t | {"base_model.compacter_rule": t["base_model.compacter_rule"].transpose(0, 2, 1)}),
    ],
    "lora": [({"alpha": 7}, None)],
    "prefix_tuning": [({}, lambda t: swap(t, "tuning_key", "tuning_value"))],
    "ia3": [({}, lambda t: turned(t, "ia3_l"))],
    "prompt_tuning": [({}, lambda t: turned(t, "prompt"))],
    "tiny_attention": [({"heads": 1}, None)],
}


@pytest.mark.parametrize("file", SAME)
def test_a_wrong_formula_shows(file):
    technique, _ = variant(file)
    for settings, change in MISTAKES[technique]:
        tensors = our_module(file, technique)
        assert error(file, with_module(file, change(tensors) if change else tensors, settings=settings)) > SEEN
