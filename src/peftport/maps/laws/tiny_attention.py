"""Tiny attention reads the stream through a LayerNorm of its own, which a map of the stream must leave in peace.

It does where it keeps means: permutations, repetitions, rotations that fix the vector of ones. For a permutation the
norm's scale and shift go along; else they go into the projection behind them, and the norm's become 1 and 0.
"""

import numpy as np

from peftport.hosts.families.table import family
from peftport.maps.laws.law import Axis, Law, SiteMaps, Tensors, multiplied
from peftport.maps.linear import LinearMap
from peftport.storage.provenance import JsonObject

PREFIX = "tiny_attention_"
STREAM = "write"
INNER = ("in_bias", "heads_weight", "heads_bias", "mix_weight", "mix_bias")  # of the module's own coordinates
AXES = {
    f"{PREFIX}norm_weight": (Axis(STREAM),),
    f"{PREFIX}norm_bias": (Axis(STREAM),),
    f"{PREFIX}in_weight": (None, Axis(STREAM, back=True)),
    f"{PREFIX}out_weight": (Axis(STREAM), None),
    f"{PREFIX}out_bias": (Axis(STREAM),),
    **{f"{PREFIX}{part}": () for part in INNER},
}
ADDS = (f"{PREFIX}out_weight", f"{PREFIX}out_bias")


def carry(tensors: Tensors, maps: SiteMaps) -> Tensors:
    """The tensors of one site: ``out`` is added to the stream, ``in`` reads what the module's own norm left of it."""
    linear = maps[STREAM]
    own = {part: tensors[f"{PREFIX}{part}"] for part in ("norm_weight", "norm_bias", "in_weight", "in_bias")}
    # the size of the stream is lost in the norm: what is left of the map keeps the root mean square
    size = _size(linear) * np.sqrt(linear.shape[1] / linear.shape[0])
    if _orders(linear):
        own["norm_weight"], own["norm_bias"] = linear.forward(own["norm_weight"]), linear.forward(own["norm_bias"])
    else:
        own["in_bias"] = own["in_bias"] + own["in_weight"] @ own["norm_bias"]
        own["in_weight"] = own["in_weight"] * own["norm_weight"]
        own["norm_weight"], own["norm_bias"] = np.ones(linear.shape[0]), np.zeros(linear.shape[0])
    own["in_weight"] = size * linear.back(own["in_weight"])
    added = {name: multiplied(tensors[name], AXES[name], maps) for name in ADDS}
    return tensors | {f"{PREFIX}{part}": tensor for part, tensor in own.items()} | added


def refusals(settings: JsonObject, source: JsonObject, target: JsonObject) -> list[str]:
    """Why it cannot be carried: the target has no such site."""
    kind = family(target["model_type"])
    return (
        [] if "attention_block" in kind.sites else [f"hosts of the family {kind.name!r} have no sites attention_block"]
    )


def _size(linear: LinearMap) -> float:
    """By how much the map changes the size of what it carries, on average."""
    return float(np.sqrt(linear.squared(np.ones(linear.shape[1])).sum() / min(linear.shape)))


def _orders(linear: LinearMap) -> bool:
    """Whether the map is a permutation: ones go to ones, and every square to one place."""
    if linear.shape[0] != linear.shape[1]:
        return False
    ones = np.ones(linear.shape[1])
    ramp = np.arange(1.0, linear.shape[1] + 1)
    return bool(
        np.allclose(linear.forward(ones), 1.0, atol=1e-6)
        and np.allclose(linear.squared(ones), 1.0, atol=1e-6)
        and np.allclose(np.sort(linear.forward(ramp)), ramp, atol=1e-4)
    )


LAW = Law(kinds=("attention_block",), axes=AXES, adds=ADDS, carry=carry, refusals=refusals)
