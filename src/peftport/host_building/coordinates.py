"""A host's weights in other coordinates, in which it computes the same, with the exact correspondence.

A change says how the streams of the two hosts correspond, and the inner spaces of their sub-layers. Every weight W of
the new host is ``M_out W M_in^+`` with the maps of that correspondence itself, so the truth about a pair of hosts is
the one that the second was made with. Whether the function survived is asked of logits, not of formulas
(``peftport.host_building.rewrite``).
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from peftport.hosts.rewritable import REWRITABLE
from peftport.hosts.sites import PROJECTIONS, Family
from peftport.maps.correspondence import Correspondence, Layers, Space
from peftport.maps.linear import Isometry, LinearMap, Selection
from peftport.maps.spaces import EMBEDDING, Place, Sited, locate, template_of, width

Tensors = dict[str, np.ndarray]  # of a host, by name without the prefix of the model below its head
Shape = Mapping[str, int]  # as ``peftport.hosts.shape.host_shape`` gives it
INNER = {"feed_forward": ("units",)}  # spaces inside a sub-layer; of an attention ``OF_HEADS``
OF_HEADS = ("q", "k", "v", "mix")
TABLE = "{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"  # of positions, for each head (T5)
ORDER_OF_HEADS = "heads"  # what the map of that table is called in a change
MASKED_HEAD = "cls.predictions.transform"  # of BERT


@dataclass(frozen=True)
class Change:
    """A change of a host's coordinates.

    Attributes:
        basis: R (d_t, d_s) of the stream ``x_t = scale R x_s``.
        scale: of the stream.
        gain: scale of a norm in the source to the one in the target.
        inner: (place, space of ``peftport.maps.spaces`` or ``<kind>.in``, ``<kind>.out``) to its map; the identity
            where nothing is said. ``heads`` is the order of the heads in T5's table of positions.
        sizes: of the target, where they are not the source's.
        shifts_in_biases: whether what the norms add (beta) goes into the biases behind them, and the norms add nothing.
    """

    basis: np.ndarray
    scale: float = 1.0
    gain: Callable[[np.ndarray], np.ndarray] = lambda gain: gain
    inner: Mapping[tuple[Place, str], LinearMap] = field(default_factory=dict)
    sizes: Mapping[str, float] = field(default_factory=dict)
    shifts_in_biases: bool = False


def places(kind: Family, shape: Shape) -> list[Place]:
    """All sub-layers of a host."""
    return [
        Place(part.stack, layer, part.name)
        for part in kind.stream.sublayers
        for layer in range(shape[f"{part.stack}_layers"])
    ]


def identity_layers(shape: Shape) -> dict[str, Layers]:
    """The layer map of a host to one of as many layers."""
    counts = {stack: shape[f"{stack}_layers"] for stack in ("encoder", "decoder")}
    return {stack: tuple(((n, 1.0),) for n in range(count)) for stack, count in counts.items() if count}


def rewritten(kind: Family, shape: Shape, source: Tensors, change: Change) -> tuple[Tensors, Correspondence]:
    """The tensors of the host in other coordinates, and what its spaces are to the first one's.

    Args:
        kind: the host's family, one of ``peftport.hosts.rewritable``.
        source: the host's tensors, float64.

    Raises:
        ValueError: a tensor has no place in hosts of the family.
    """
    truth, new = correspondence(kind, shape, source, change), {}
    for full, site in sited(kind, source):
        at = (site.place.stack, site.place.sublayer, (site.place.layer, site.place.layer))
        out, into = truth.writing(site.kind, *at), truth.reading(site.kind, *at)
        weight = source[full].T if kind.transposed else source[full]
        bias = source.get(f"{site.name}.bias")
        if change.shifts_in_biases and (norm := _norm(kind, site.place, site.kind)) is not None:
            bias = bias + weight @ source[f"{norm}.bias"]
        weight = out.forward(into.back(weight))
        new[full] = weight.T if kind.transposed else weight
        if bias is not None:
            new[f"{site.name}.bias"] = out.forward(bias)
    new |= _beside(kind, shape, source, change, truth)
    if missing := sorted(source.keys() - new.keys()):
        raise ValueError(f"the tensor {missing[0]} and {len(missing) - 1} more have no place in a {kind.name} host")
    return new, truth


def sited(kind: Family, tensors: Tensors) -> Iterator[tuple[str, Sited]]:
    """Name and site of the weight of every projection."""
    for full in tensors:
        if full.endswith(".weight"):
            try:
                site = locate(kind, full.removesuffix(".weight"))
            except ValueError:
                continue
            yield full, site


def _norm(described: Family, place: Place, kind: str) -> str | None:
    """The norm behind which a projection of a kind reads, if it reads the stream."""
    part = next(s for s in described.stream.sublayers if (s.stack, s.name) == (place.stack, place.sublayer))
    if kind in ("o", "wo") or part.norm is None:
        return None
    norm = part.memory_norm if part.memory_norm and kind in ("k", "v") else part.norm
    return norm.format(layer=place.layer)


def correspondence(described: Family, shape: Shape, source: Tensors, change: Change) -> Correspondence:
    """What the spaces of the changed host are to the first one's; arguments as those of ``rewritten``."""
    write = Isometry(change.basis, change.scale)
    maps: dict[Space, LinearMap] = {Space(EMBEDDING): write}
    for place in places(described, shape):
        at = (place.stack, place.sublayer, place.layer, place.layer)
        kinds = [k for k in PROJECTIONS if template_of(described, k, place.stack, place.sublayer) is not None]
        there = [k for k in kinds if f"{template_of(described, k, *at[:2]).format(layer=place.layer)}.weight" in source]
        first = there[0]
        norm = _norm(described, place, first)
        maps[Space("write", *at)] = write
        maps[Space("read", *at)] = write if norm is None else _behind(change, source[f"{norm}.weight"])
        if place.sublayer == "cross":
            maps[Space("memory", *at)] = _behind(change, source[f"{_norm(described, place, 'k')}.weight"])
        inner = {name: width(name, shape) for name in INNER.get(place.sublayer, OF_HEADS)}
        maps |= {Space(name, *at): Selection(np.arange(size), size) for name, size in inner.items()}
        maps |= {Space(name, *at): linear for (where, name), linear in change.inner.items() if where == place}
    return Correspondence(identity_layers(shape), maps)


def _behind(change: Change, gain: np.ndarray) -> Isometry:
    """The map of what stands behind a norm of this scale."""
    n_t, n_s = change.basis.shape
    return Isometry(change.basis, math.sqrt(n_t / n_s), change.gain(gain), gain)


def _beside(kind: Family, shape: Shape, source: Tensors, change: Change, truth: Correspondence) -> Tensors:
    """Embeddings, norms, heads, tables of positions."""
    write, beside, new = truth.embedding(), REWRITABLE[kind.name], {}
    for name in beside.embeddings:
        new[f"{name}.weight"] = write.forward(source[f"{name}.weight"].T).T
    for norm in (*kind.names(["norm"], shape), *beside.norms):
        gain = source[f"{norm}.weight"]
        new[f"{norm}.weight"] = change.gain(gain)
        if f"{norm}.bias" in source:
            kept = 0.0 if change.shifts_in_biases and norm not in beside.norms else 1.0
            new[f"{norm}.bias"] = kept * _behind(change, gain).forward(source[f"{norm}.bias"])
    if (final := kind.stream.final_norm) is not None:
        new["lm_head.weight"] = _behind(change, source[f"{final}.weight"]).back(source["lm_head.weight"])
    if kind.stream.bias_in_first:
        for stack in ("encoder", "decoder"):
            table = source[TABLE.format(stack=stack)]
            order = change.inner.get((Place(stack, 0, "self"), ORDER_OF_HEADS))
            new[TABLE.format(stack=stack)] = table if order is None else order.forward(table.T).T
    return new | _masked_head(source, change, write)


def _masked_head(source: Tensors, change: Change, write: Isometry) -> Tensors:
    """The head of a masked host (BERT); nothing where there is none.

    Its own space is as wide as the stream, and its output layer may be the token embedding. So it follows a change that
    the non-linearity in it does not see, an order or a repetition, and stays where another change cannot be followed.
    """
    head = {name: value for name, value in source.items() if name.startswith("cls.")}
    if not head:
        return {}
    size = change.basis.shape[1]
    own = write if (change.basis >= 0).all() else Selection(np.arange(size), size)
    new = {f"{MASKED_HEAD}.dense.weight": own.forward(write.back(head[f"{MASKED_HEAD}.dense.weight"]))}
    for name in ("dense.bias", "LayerNorm.weight", "LayerNorm.bias"):
        new[f"{MASKED_HEAD}.{name}"] = own.forward(head[f"{MASKED_HEAD}.{name}"])
    new["cls.predictions.decoder.weight"] = own.back(head["cls.predictions.decoder.weight"])
    return head | new
