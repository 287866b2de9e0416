"""Modules carried along rungs of the ladder, and how near what they do in the target is to what they did before."""

import functools
from typing import NamedTuple

import numpy as np
import torch

from peftport.hosts.families.table import family
from peftport.hosts.shape import host_shape
from peftport.injection.attach import attach, attach_module, config_dict, detach, module_tensors
from peftport.maps.carry import carry_module
from peftport.maps.correspondence import Correspondence, Layers, Space
from peftport.maps.linear import Selection
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject
from tests.ladder import Rung, ids, rung
from tests.tiny import card, host, logits

BOTTLENECK = {"bottleneck": None, "reduction_factor": 4, "non_linearity": "gelu"}
OUTPUTS = ["attention", "cross_attention", "feed_forward"]
# technique or a variant of it, to its method and settings
TECHNIQUES: dict[str, tuple[str, JsonObject]] = {
    "lora": ("lora", {"rank": 3, "alpha": 6}),
    "adapters": ("adapters", BOTTLENECK | {"init_std": 0.05, "share": "none"}),
    "adapters_shared": ("adapters", BOTTLENECK | {"init_std": 0.05, "share": "layers"}),
    "compacter": ("compacter", BOTTLENECK | {"division": 4, "rank": 1, "rule_std": 0.3, "glorot_gain": 1.4}),
    "prefix": ("prefix_tuning", {"length": 5, "reparameterisation": None, "init_std": 0.5, "attentions": None}),
    "prefix_layer": ("prefix_tuning", {"length": 5, "reparameterisation": 16, "init_std": 0.5, "attentions": None}),
    "prompt": ("prompt_tuning", {"length": 5, "start": "random"}),
    "ia3": ("ia3", {}),
    "two": ("hybrid", {"parts": {"lora": {}, "prefix_tuning": {}}}),
    "two_behind": ("hybrid", {"parts": {"ia3": {}, "adapters": {}}}),
    "tiny_attention": ("tiny_attention", {"width": 4, "heads": 2, "dropout": 0.0, "out_scale": 1.0}),
}
LORA_TARGETS = {
    "t5": ["q", "k", "v", "o", "wi_0", "wi_1", "wo"],
    "t5_relu": ["q", "k", "v", "o", "wi", "wo"],
    "llama": ["q", "k", "v", "o", "wi_0", "wi_1", "wo"],
    "gpt2": ["qkv", "o", "wi", "wo"],
    "bert": ["q", "k", "v", "o", "wi", "wo"],
    "bert_plain": ["q", "k", "v", "o", "wi", "wo"],
}


class Answers(NamedTuple):
    """Logits of the source host with and without a module, and the module."""

    bare: torch.Tensor
    answered: torch.Tensor
    module: Module


class Grade(NamedTuple):
    """Relative errors of what a module does in the target: carried by the law, and copied (None where shapes differ);
    and whether carrying left every tensor as it was, to the bit."""

    law: float
    copied: float | None
    untouched: bool


def settings_for(technique: str, kind: str) -> tuple[str, JsonObject]:
    """Method and settings of a technique for a kind of hosts."""
    method, settings = TECHNIQUES[technique]
    if method == "hybrid":
        own = {"prefix_tuning": "prefix"}
        parts = {part: settings_for(own.get(part, part), kind)[1] for part in settings["parts"]}
        return method, {"parts": parts}
    if method == "lora":
        settings = settings | {"targets": LORA_TARGETS[kind]}
    if method == "ia3":
        settings = {"targets": ["qkv", "wo"] if kind == "gpt2" else ["k", "v", "wo"]}
    if method in ("adapters", "compacter"):
        settings = settings | {"sites": OUTPUTS if kind.startswith("t5") else ["attention", "feed_forward"]}
    return method, settings


def suits(technique: str, kind: str) -> bool:
    """Whether a kind of hosts takes a technique."""
    described = family({"t5_relu": "t5", "bert_plain": "bert"}.get(kind, kind))
    if technique == "tiny_attention":
        return "attention_block" in described.sites
    return technique != "prompt" or described.task is not None


@functools.cache
def answers(technique: str, kind: str) -> Answers:
    """A random module in the source host of a kind, large enough to matter."""
    method, settings = settings_for(technique, kind)
    model = attach(host(kind), method, settings, seed=3)
    rng, tensors = np.random.default_rng(3), {}
    for name, tensor in module_tensors(model).items():
        spread = 0.5 if tensor.ndim == 1 else 0.5 / np.sqrt(tensor.shape[-1])
        tensors[name] = (tensor + spread * rng.standard_normal(tensor.shape)).astype(np.float32)
    module = Module(config_dict(model), tensors, {"technique": method, "seed": 3})
    detach(model)
    return Answers(logits(host(kind), ids()), ask(host(kind), module, ids()), module)


def ask(target: torch.nn.Module, module: Module, asked: torch.Tensor) -> torch.Tensor:
    """What a host answers with a module, which is attached for the time, in float64."""
    model = attach_module(target, module, trainable=False)
    try:
        answered = logits(model.eval().double(), asked)
    finally:
        detach(model)
    # the answers to a prompt's own tokens are no answers to the text's
    return answered[:, -(5 if target.config.is_encoder_decoder else asked.shape[1]) :]


def alike(kind: str, layers: dict[str, Layers]) -> Correspondence:
    """A correspondence between two hosts of a kind that differ in their layers alone, whose spaces are the same."""
    shape, maps = host_shape(host(kind).config), {}
    narrow, wide = shape["key_value_heads"] * shape["d_kv"], shape["heads"] * shape["d_kv"]
    sizes = {"q": wide, "k": narrow, "v": narrow, "mix": wide, "units": shape["d_ff"]}
    sizes |= dict.fromkeys(("read", "write"), shape["d_model"])
    same = {size: Selection(np.arange(size), size) for size in {*sizes.values(), shape["d_model"]}}
    for part in family(host(kind).config.model_type).stream.sublayers:
        pairs = [(target, source) for target, row in enumerate(layers[part.stack]) for source, _ in row]
        at = (part.stack, part.name)
        maps |= {Space(name, *at, *pair): same[size] for name, size in sizes.items() for pair in pairs}
    return Correspondence(layers, maps | {Space("embedding"): same[shape["d_model"]]})


def with_layers(ends: JsonObject, count: int) -> JsonObject:
    """The card of a host with so many layers in every stack that it has."""
    shape = ends["shape"]
    stacks = ("encoder_layers", "decoder_layers")
    return ends | {"shape": shape | {stack: count for stack in stacks if shape[stack]}}


def carried(technique: str, step: Rung, module: Module, **choices: str) -> Module:
    """A module carried along a rung by its truth."""
    ends = card(step.source, "source"), card(step.target, "target")
    return carry_module(module, TECHNIQUES[technique][0], step.truth, *ends, **choices)


def grade(name: str, kind: str, technique: str) -> Grade:
    """How well a technique's module goes along a rung."""
    step, before = rung(name, kind), answers(technique, kind)
    new = carried(technique, step, before.module)
    law = distance(step, before, new)
    fits = new.shapes() == before.module.shapes()
    untouched = fits and all((new.tensors[n] == t).all() for n, t in before.module.tensors.items())
    copied = None
    if fits:
        copied = law if untouched else distance(step, before, before.module)
    return Grade(law, copied, untouched)


def distance(step: Rung, before: Answers, module: Module) -> float:
    """The relative error of what a module does in the target of a rung."""
    after = ask(step.target, module, torch.from_numpy(step.tokens)[ids()])[..., step.tokens]
    return ((after - before.answered).norm() / (before.answered - before.bare).norm()).item()
