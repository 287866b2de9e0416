"""Exact maps of the inner spaces of tiny hosts: heads and units in another order, in other coordinates, or more."""

import dataclasses
import math

import numpy as np

from peftport.maps.linear import Blocks, Dense, LinearMap, Selection
from peftport.maps.spaces import Place
from tests.reshaped import places
from tests.tiny import SIZES, host

Inner = dict[tuple[Place, str], LinearMap]


def inner_maps(kind: str, *, sizes=None, ordered=False, values=False, queries=False, scaled=False) -> Inner:
    """Maps of the inner spaces of all sub-layers.

    Args:
        sizes: those of the target that are not the source's; what the source lacks stays without a counterpart.
        ordered: whether heads and units are put in another order.
        values: whether the coordinates inside a value head change, by any matrix.
        queries: whether those inside queries and keys do.
        scaled: whether the units' linear branch is scaled, or those of ReLU; others cannot be.
    """
    rng, old, inner = np.random.default_rng(11), SIZES[kind], {}
    new = dataclasses.replace(old, **(sizes or {}))
    orders = {}
    for place in places(host(kind)):
        if place.sublayer == "feed_forward":
            order = rng.permutation(new.inner) if ordered else np.arange(new.inner)
            inner |= _units(kind, place, np.where(order < old.inner, order, -1), rng, scaled)
            continue
        groups, times = new.key_value_heads if kind == "llama" else new.heads, old.heads // old.key_value_heads
        drawn = rng.permutation(groups) if ordered else np.arange(groups)
        inside = np.array([rng.permutation(times) if ordered else np.arange(times) for _ in range(groups)])
        # the heads of T5's self-attentions have one order in a stack, that of its table of positions
        key = (place.stack, place.sublayer) if kind.startswith("t5") and place.sublayer == "self" else place
        drawn, inside = orders.setdefault(key, (drawn, inside))
        inner |= _heads(kind, place, new, (drawn, inside), rng, (values, queries))
    return inner


def _heads(kind, place, new, order, rng, which) -> Inner:
    old, (drawn, inside), (values, queries) = SIZES[kind], order, which
    groups = old.key_value_heads
    times = old.heads // groups
    narrow = [(target, source) for target, source in enumerate(drawn) if source < groups]
    wide = [(t * times + n, s * times + inside[t][n]) for t, s in narrow for n in range(times)]
    pad = np.eye(new.head, old.head)
    value, key, query = {}, {}, {}
    for group in range(groups):
        value[group] = np.eye(old.head) + values * 0.3 * rng.standard_normal((old.head, old.head))
        turn = (
            _rotary(old.head, rng) if kind == "llama" else np.eye(old.head) + 0.3 * rng.standard_normal((old.head,) * 2)
        )
        key[group] = turn if queries else np.eye(old.head)
        query |= {group * times + n: np.linalg.inv(key[group]).T for n in range(times)}
    mix = {head: value[head // times] for head in range(old.heads)}
    # scores are divided by the root of a head's width, but for T5's
    root = 1.0 if kind.startswith("t5") else math.sqrt(new.head / old.head)
    query = {head: root * matrix for head, matrix in query.items()}
    counts = {"k": (narrow, key), "v": (narrow, value), "q": (wide, query), "mix": (wide, mix)}
    target = {"k": len(drawn), "v": len(drawn), "q": len(drawn) * times, "mix": len(drawn) * times}
    source = {"k": groups, "v": groups, "q": old.heads, "mix": old.heads}
    inner = {}
    for name, (pairs, parts) in counts.items():
        matrices = {head: pad @ part for head, part in parts.items()}
        inverses = {head: np.linalg.inv(part) @ pad.T for head, part in parts.items()}
        inner[place, name] = blocks((target[name], source[name]), pairs, matrices, inverses)
    if kind.startswith("t5") and (place.layer, place.sublayer) == (0, "self"):
        inner[place, "heads"] = Selection(np.where(drawn < groups, drawn, -1), groups)
    return inner


def _units(kind, place, order, rng, scaled) -> Inner:
    size = SIZES[kind].inner
    same = Selection(order, size)
    if not scaled:
        return {(place, "units"): same}
    signs = np.where(rng.random(len(order)) < 0.3, -1.0, 1.0) if kind != "t5_relu" else 1.0
    factors = (0.5 + rng.random(len(order))) * signs
    matrix = same.forward(np.eye(size))
    linear = Dense(factors[:, None] * matrix, matrix.T / factors)
    if kind == "t5_relu":
        return {(place, "units"): linear}
    return {(place, "units"): same, (place, "wi_1.out"): linear, (place, "wo.in"): linear}


def blocks(heads: tuple[int, int], pairs, matrices, inverses) -> Blocks:
    """A map between heads: pairs of a target and a source head, and what belongs to each source head."""
    sources = [source for _, source in pairs]
    return Blocks(heads, np.array(pairs), *(np.stack([of[n] for n in sources]) for of in (matrices, inverses)))


def _rotary(width: int, rng: np.random.Generator) -> np.ndarray:
    """What changes a rotary head's coordinates: one complex number for each pair."""
    angle, size = 2 * math.pi * rng.random(width // 2), 0.5 + rng.random(width // 2)
    real, imaginary = np.diag(size * np.cos(angle)), np.diag(size * np.sin(angle))
    return np.block([[real, -imaginary], [imaginary, real]])
