"""Tiny hosts in other coordinates (``peftport.host_building.coordinates``): of the same sizes, larger; deeper ones."""

import dataclasses
import re

import numpy as np
from transformers import PreTrainedModel

from peftport.host_building import coordinates
from peftport.host_building.coordinates import Change, correspondence, rewritten, sited
from peftport.hosts.families.table import family
from peftport.hosts.shape import host_shape
from peftport.maps.correspondence import Correspondence, Layers
from peftport.maps.linear import LinearMap
from peftport.maps.spaces import WRITES, Place, template_of
from tests.tiny import Sizes, build, load, tensors


def places(host: PreTrainedModel) -> list[Place]:
    """All sub-layers of a host."""
    return coordinates.places(family(host.config.model_type), host_shape(host.config))


def identity_layers(host: PreTrainedModel) -> dict[str, Layers]:
    """The layer map of a host to one of as many layers."""
    return coordinates.identity_layers(host_shape(host.config))


def changed(kind: str, host: PreTrainedModel, sizes: Sizes, change: Change) -> tuple[PreTrainedModel, Correspondence]:
    """The host in other coordinates, and what its spaces are to the first one's.

    Args:
        sizes: of ``host``.
    """
    described, source = family(host.config.model_type), tensors(host)
    target = build(kind, dataclasses.replace(sizes, **change.sizes), seed=1)
    new, truth = rewritten(described, host_shape(host.config), source, change)
    rng, wider_heads = np.random.default_rng(2), change.sizes.get("head", sizes.head) != sizes.head
    for full, site in sited(described, source):
        out = truth.writing(site.kind, site.place.stack, site.place.sublayer, (site.place.layer, site.place.layer))
        free, weight = _free(out, site.kind, wider_heads), new[full].T if described.transposed else new[full]
        weight[free] = 0.3 * rng.standard_normal(weight[free].shape)
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
    alike = correspondence(described, host_shape(host.config), source, Change(np.eye(sizes.width)))
    moved = {
        s._replace(target_layer=s.source_layer + (s.source_layer >= at)) if s.stack else s: m
        for s, m in alike.maps.items()
    }
    rows = [() if n == at else ((n - (n > at), 1.0),) for n in range(sizes.layers + 1)]
    layers = dict.fromkeys(identity_layers(host), tuple(rows))
    return load(target, new), Correspondence(layers, moved)
