"""How far a host's weights have moved from those of its base."""

import math
from collections import defaultdict
from collections.abc import Collection

import torch
from transformers import PreTrainedModel

from peftport.host_building.weight_kinds import weight_kinds


def drift(base: PreTrainedModel, model: PreTrainedModel, left_out: Collection[str] = frozenset()) -> dict[str, float]:
    """Relative Frobenius norm of the change: for every kind of weights, and ``total``.

    That of a kind is the norm of the change of all its tensors over the norm of those tensors in the base; a kind whose
    tensors were 0 has 0 where nothing moved, else infinity.

    Args:
        left_out: parameters that are no part of the host.
    """
    kinds, before = weight_kinds(model), dict(base.named_parameters())
    moved, size = defaultdict(float), defaultdict(float)
    for name, tensor in model.named_parameters():
        if name in left_out:
            continue
        old = before[name].detach()
        squares = _square(tensor.detach().to(old) - old), _square(old)
        for kind in (kinds[name], "total"):
            moved[kind] += squares[0]
            size[kind] += squares[1]
    return {kind: _ratio(moved[kind], size[kind]) for kind in sorted(moved)}


def _square(tensor: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor, dtype=torch.float64)) ** 2


def _ratio(moved: float, size: float) -> float:
    if size == 0.0:
        return math.inf if moved else 0.0
    return math.sqrt(moved / size)
