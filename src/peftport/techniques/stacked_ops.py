"""What a module's layers compute when several modules share a host.

Their parameters are then stacked, (members, ...) each, and the rows of a batch belong to the members in turn: the first
rows to the first member, as many to the next. The host sees one large batch and computes what it always computes; only
a module's own layers must know, and they do by these functions, which take stacked and plain parameters alike. Plain
ones go the way of torch's own functions, so that a module alone has the same bits as ever.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, baddbmm, bmm, nn

# a part of a peft model, the name of a method of it, and what stands in for that method while modules share the host
Shared = tuple[nn.Module, str, Callable[..., Any]]


def linear(hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``hidden @ weight.T + bias``, for each member's rows with its own weight.

    Args:
        hidden: (rows, ..., inputs).
        weight: (outputs, inputs), or (members, outputs, inputs).
        bias: (outputs,), or (members, outputs).
    """
    if weight.dim() == 2:
        return nn.functional.linear(hidden, weight, bias)
    rows = hidden.reshape(weight.shape[0], -1, hidden.shape[-1])
    out = bmm(rows, weight.mT) if bias is None else baddbmm(bias[:, None], rows, weight.mT)
    return out.view(*hidden.shape[:-1], weight.shape[1])


def scale(hidden: Tensor, vector: Tensor) -> Tensor:
    """``hidden * vector``, for each member's rows with its own vector: (width,), or (members, width)."""
    if vector.dim() == 1:
        return hidden * vector
    return (_apart(hidden, vector) * _beside(hidden, vector)).view_as(hidden)


def layer_norm(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Layer norm over the last axis, for each member's rows with its own weight and bias."""
    if weight.dim() == 1:
        return nn.functional.layer_norm(hidden, weight.shape, weight, bias)
    normed = _apart(nn.functional.layer_norm(hidden, weight.shape[1:]), weight)
    return (normed * _beside(hidden, weight) + _beside(hidden, bias)).view_as(hidden)


def to_rows(states: Tensor, rows: int) -> Tensor:
    """(members, ...) to (rows, ...), each member's for each of its rows."""
    members = states.shape[0]
    return states[:, None].expand(members, rows // members, *states.shape[1:]).flatten(0, 1)


def _apart(hidden: Tensor, vector: Tensor) -> Tensor:
    return hidden.unflatten(0, (vector.shape[0], -1))


def _beside(hidden: Tensor, vector: Tensor) -> Tensor:
    return vector.view(vector.shape[0], *[1] * (hidden.dim() - 1), -1)
