"""What no law can carry: the shift of a LayerNorm, which a change of its input weights reads too.

A reads ``gain * n + shift``, and no LoRA has a bias. So what it adds in the target is what it added in the source only
where ``M^+ shift_t = shift_s``; what is left over is a constant on every position.
"""

import numpy as np

from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.linear import LinearMap
from peftport.maps.pair import End, Pair
from peftport.storage.provenance import JsonObject

READS = ("read", "memory")


def offsets(pair: Pair, correspondence: Correspondence) -> JsonObject:
    """How far shifts of the target's norms are from the source's, for the card of a map: ``||M^+ shift_t - shift_s||``
    over ``||shift_s||``, its median and largest over all sub-layers; nothing where norms have no shift."""
    found = [
        left
        for space, linear in correspondence.maps.items()
        if space.name in READS and (left := _left(pair, space, linear)) is not None
    ]
    return {"norm_shifts": {"median": float(np.median(found)), "largest": max(found)}} if found else {}


def _left(pair: Pair, space: Space, linear: LinearMap) -> float | None:
    old = _shift(pair.source, space, space.source_layer)
    new = _shift(pair.target, space, space.target_layer)
    if old is None or new is None:
        return None
    back = linear.back(np.eye(linear.shape[1])) @ new
    return float(np.linalg.norm(back - old) / (np.linalg.norm(old) or 1.0))


def _shift(end: End, space: Space, layer: int) -> np.ndarray | None:
    """(d,) what the norm in front of a space adds; None where it adds nothing, or no norm stands there."""
    part = next(s for s in end.family.stream.sublayers if (s.stack, s.name) == (space.stack, space.sublayer))
    norm = part.memory_norm if space.name == "memory" else part.norm
    if norm is None or end.family.norm_tensors < 2:
        return None
    return end.tensor(f"{norm.format(layer=layer)}.bias")
