"""Hosts made from tiny ones by changes of coordinates that keep what they compute, with the exact correspondence.

A change says how the streams of two hosts correspond, and the inner spaces of their sub-layers. Every weight W of the
new host is ``M_out W M_in^+`` with the maps of that correspondence itself, so a rung's truth is the one that its host
was made with. Whether the function survived is asked of logits, not of formulas (``tests/unit/maps/test_ladder.py``).
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from transformers import PreTrainedModel

from peftport.hosts.families.table import family
from peftport.hosts.shape import host_shape
from peftport.hosts.sites import PROJECTIONS, Family
from peftport.maps.correspondence import Correspondence, Layers, Space
from peftport.maps.linear import Isometry, LinearMap, Selection
from peftport.maps.spaces import EMBEDDING, WRITES, Place, locate, template_of
from tests.tiny import Sizes, Tensors, build, load, tensors

# tensors beside those of layers
EMBEDDINGS = {
    "t5": ("shared", "encoder.embed_tokens", "decoder.embed_tokens"),
    "llama": ("embed_tokens",),
    "gpt2": ("wte", "wpe"),
    "bert": tuple(f"embeddings.{part}_embeddings" for part in ("word", "position", "token_type")),
}
NORMS_BESIDE = {
    "t5": ("encoder.final_layer_norm", "decoder.final_layer_norm"),
    "llama": ("norm",),
    "gpt2": ("ln_f",),
    "bert": ("embeddings.LayerNorm",),
}
LAST_NORM = {"t5": "decoder.final_layer_norm", "llama": "norm", "gpt2": "ln_f"}
TABLE = "{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"


@dataclass(frozen=True)
class Change:
    """A change of a host's coordinates.

    Attributes:
        basis: R (d_t, d_s) of the stream ``x_t = scale R x_s``.
        scale: of the stream.
        gain: scale of a norm in the source to the one in the target.
        inner: (place, space of ``peftport.maps.spaces`` or ``<kind>.in``, ``<kind>.out``) to its map; the identity
            where nothing is said. ``heads`` is the order of the heads in T5's table of positions.
        sizes: of the target.
        shifts_in_biases: whether what the norms add (beta) goes into the biases behind them, and the norms add nothing.
    """

    basis: np.ndarray
    scale: float = 1.0
    gain: Callable[[np.ndarray], np.ndarray] = lambda gain: gain
    inner: Mapping[tuple[Place, str], LinearMap] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)
    shifts_in_biases: bool = False


def places(host: PreTrainedModel) -> list[Place]:
    """All sub-layers of a host."""
    described, shape = family(host.config.model_type), host_shape(host.config)
    return [
        Place(part.stack, layer, part.name)
        for part in described.stream.sublayers
        for layer in range(shape[f"{part.stack}_layers"])
    ]


def identity_layers(host: PreTrainedModel) -> dict[str, Layers]:
    """The layer map of a host to one of as many layers."""
    shape = host_shape(host.config)
    counts = {stack: shape[f"{stack}_layers"] for stack in ("encoder", "decoder")}
    return {stack: tuple(((n, 1.0),) for n in range(count)) for stack, count in counts.items() if count}


def changed(kind: str, host: PreTrainedModel, sizes: Sizes, change: Change) -> tuple[PreTrainedModel, Correspondence]:
    """The host in other coordinates, and what its spaces are to the first one's.

    Args:
        sizes: of ``host``.
    """
    described, source = family(host.config.model_type), tensors(host)
    target = build(kind, dataclasses.replace(sizes, **change.sizes), seed=1)
    truth, new = _truth(host, described, source, change), {}
    rng = np.random.default_rng(2)
    for full in (name for name in source if name.endswith(".weight")):
        try:
            site = locate(described, full.removesuffix(".weight"))
        except ValueError:
            continue
        at = (site.place.stack, site.place.sublayer, (site.place.layer, site.place.layer))
        out, into = truth.writing(site.kind, *at), truth.reading(site.kind, *at)
        weight = source[full].T if described.transposed else source[full]
        bias = source.get(f"{site.name}.bias")
        if change.shifts_in_biases and (norm := _norm(described, site.place, site.kind)) is not None:
            bias = bias + weight @ source[f"{norm}.bias"]
        weight = out.forward(into.back(weight))
        free = _free(out, site.kind, wider_heads=change.sizes.get("head", sizes.head) != sizes.head)
        weight[free] = 0.3 * rng.standard_normal(weight[free].shape)
        new[full] = weight.T if described.transposed else weight
        if bias is not None:
            new[f"{site.name}.bias"] = out.forward(bias)
    new |= _beside(host, described, source, change, truth)
    assert not (missing := source.keys() - new.keys()), missing
    return load(target, new), truth


def _free(out: LinearMap, kind: str, wider_heads: bool) -> np.ndarray:
    """Which rows of a weight may be anything, because no part of the source stands for them: what reads them is zero.

    Queries of wider heads may not, for keys read them.
    """
    if "write" in WRITES[kind]:
        return np.zeros(out.shape[0], bool)
    free = out.squared(np.ones(out.shape[1])) == 0
    if wider_heads and WRITES[kind][0] == "q":
        free[: len(free) // len(WRITES[kind])] = False
    return free


def _norm(described: Family, place: Place, kind: str) -> str | None:
    """The norm behind which a projection of a kind reads, if it reads the stream."""
    part = next(s for s in described.stream.sublayers if (s.stack, s.name) == (place.stack, place.sublayer))
    if kind in ("o", "wo") or part.norm is None:
        return None
    norm = part.memory_norm if part.memory_norm and kind in ("k", "v") else part.norm
    return norm.format(layer=place.layer)


def _truth(host: PreTrainedModel, described: Family, source: Tensors, change: Change) -> Correspondence:
    write = Isometry(change.basis, change.scale)
    maps: dict[Space, LinearMap] = {Space(EMBEDDING): write}
    for place in places(host):
        at = (place.stack, place.sublayer, place.layer, place.layer)
        kinds = [k for k in PROJECTIONS if template_of(described, k, place.stack, place.sublayer) is not None]
        there = [k for k in kinds if f"{template_of(described, k, *at[:2]).format(layer=place.layer)}.weight" in source]
        first = there[0]
        norm = _norm(described, place, first)
        maps[Space("write", *at)] = write
        maps[Space("read", *at)] = write if norm is None else behind(change, source[f"{norm}.weight"])
        if place.sublayer == "cross":
            maps[Space("memory", *at)] = behind(change, source[f"{_norm(described, place, 'k')}.weight"])
        shape = host_shape(host.config)
        narrow, wide = shape["key_value_heads"] * shape["d_kv"], shape["heads"] * shape["d_kv"]
        inner = {"q": wide, "k": narrow, "v": narrow, "mix": wide}
        inner = {"units": shape["d_ff"]} if place.sublayer == "feed_forward" else inner
        maps |= {Space(name, *at): Selection(np.arange(size), size) for name, size in inner.items()}
        maps |= {Space(name, *at): linear for (where, name), linear in change.inner.items() if where == place}
    return Correspondence(identity_layers(host), maps)


def behind(change: Change, gain: np.ndarray) -> Isometry:
    """The map of what stands behind a norm of this scale."""
    n_t, n_s = change.basis.shape
    return Isometry(change.basis, math.sqrt(n_t / n_s), change.gain(gain), gain)


def _beside(
    host: PreTrainedModel, described: Family, source: Tensors, change: Change, truth: Correspondence
) -> Tensors:
    """Embeddings, norms and heads."""
    kind, write, new = described.name, truth.embedding(), {}
    for name in EMBEDDINGS[kind]:
        new[f"{name}.weight"] = write.forward(source[f"{name}.weight"].T).T
    for norm in (*described.names(["norm"], host_shape(host.config)), *NORMS_BESIDE[kind]):
        gain = source[f"{norm}.weight"]
        new[f"{norm}.weight"] = change.gain(gain)
        if f"{norm}.bias" in source:
            kept = 0.0 if change.shifts_in_biases and norm not in NORMS_BESIDE[kind] else 1.0
            new[f"{norm}.bias"] = kept * behind(change, gain).forward(source[f"{norm}.bias"])
    if kind in LAST_NORM:
        new["lm_head.weight"] = behind(change, source[f"{LAST_NORM[kind]}.weight"]).back(source["lm_head.weight"])
    if kind == "t5":
        for stack in ("encoder", "decoder"):
            table = source[TABLE.format(stack=stack)]
            order = change.inner.get(
                (Place(stack, 0, "self"), "heads"), Selection(np.arange(table.shape[1]), table.shape[1])
            )
            new[TABLE.format(stack=stack)] = order.forward(table.T).T
    if kind == "bert":
        # the head's own space is as wide as the stream, behind a non-linearity: doubled with it, else as it is
        n_t, n_s = change.basis.shape
        own = write if n_t != n_s else Selection(np.arange(n_s), n_s)
        head = {name: value for name, value in source.items() if name.startswith("cls.")}
        dense = "cls.predictions.transform.dense"
        new[f"{dense}.weight"] = own.forward(write.back(head[f"{dense}.weight"]))
        for name in (f"{dense}.bias", *(f"cls.predictions.transform.LayerNorm.{part}" for part in ("weight", "bias"))):
            new[name] = own.forward(head[name])
        new["cls.predictions.decoder.weight"] = own.back(head["cls.predictions.decoder.weight"])
        new |= {name: value for name, value in head.items() if name not in new}
    return new


def halved(host: PreTrainedModel, sizes: Sizes) -> PreTrainedModel:
    """A GPT-2 with every layer twice, each of which writes half of what it would: nearly the same function."""
    target, source = build("gpt2", dataclasses.replace(sizes, layers=2 * sizes.layers)), tensors(host)
    new = {}
    for name in tensors(target):
        old = re.sub(r"(?<=^h\.)\d+", lambda layer: str(int(layer[0]) // 2), name)
        new[name] = source[old] * (0.5 if "c_proj" in old else 1.0)
    return load(target, new)


def deeper(kind: str, host: PreTrainedModel, sizes: Sizes, at: int) -> tuple[PreTrainedModel, Correspondence]:
    """A host with one more layer in every stack, at an index, that writes nothing; and the correspondence."""
    source, described = tensors(host), family(host.config.model_type)
    target = build(kind, dataclasses.replace(sizes, layers=sizes.layers + 1), seed=1)
    new, layers = tensors(target), {}
    mark = {"t5": "block.{}.", "llama": "layers.{}.", "gpt2": "h.{}.", "bert": "encoder.layer.{}."}[described.name]
    for layer in range(sizes.layers + 1):
        here = {name: name.replace(mark.format(layer), mark.format(layer - (layer > at))) for name in new}
        new |= {n: source[old] for n, old in here.items() if mark.format(layer) in n and layer != at}
    new |= {
        name: value
        for name, value in source.items()
        if name in new and not any(mark.format(n) in name for n in range(9))
    }
    for part in described.stream.sublayers:
        for writer in ("o", "wo"):
            if (template := template_of(described, writer, part.stack, part.name)) is not None:
                names = [f"{template.format(layer=at)}.{leaf}" for leaf in ("weight", "bias")]
                new |= {name: np.zeros_like(new[name]) for name in names if name in new}
    if described.name == "bert":  # a norm behind a norm: the one before it loses its scale and shift to the last one
        before, last = (f"encoder.layer.{layer}.output.LayerNorm" for layer in (at - 1, at))
        for leaf, value in (("weight", 1.0), ("bias", 0.0)):
            new[f"{last}.{leaf}"] = source[f"{before}.{leaf}"]
            for norm in (before, f"encoder.layer.{at}.attention.output.LayerNorm"):
                new[f"{norm}.{leaf}"] = np.full_like(new[f"{norm}.{leaf}"], value)
    alike = _truth(host, described, source, Change(np.eye(sizes.width)))
    moved = {
        s._replace(target_layer=s.source_layer + (s.source_layer >= at)) if s.stack else s: m
        for s, m in alike.maps.items()
    }
    rows = [() if n == at else ((n - (n > at), 1.0),) for n in range(sizes.layers + 1)]
    layers = dict.fromkeys(identity_layers(host), tuple(rows))
    return load(target, new), Correspondence(layers, moved)
