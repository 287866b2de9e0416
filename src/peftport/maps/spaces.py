"""The spaces of a host, and which of them each projection reads and writes.

| space | what lives there |
|---|---|
| ``embedding`` | rows of the token embedding |
| ``read`` | what a sub-layer reads: the stream behind its norm, scale included |
| ``memory`` | what the keys and values of a cross-attention read; elsewhere it is ``read`` |
| ``write`` | what a sub-layer adds to the stream, and the stream at its depth |
| ``q``, ``k``, ``v`` | queries, keys and values of all heads |
| ``mix`` | what goes into an attention's output projection |
| ``units`` | inner activations of a feed-forward sub-layer |
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from peftport.hosts.sites import PROJECTIONS, Family

EMBEDDING = "embedding"
STREAM = "stream"  # what stands before a norm, as it is; no map is of it, for only its size is used

# kind of projection to (space that it reads, spaces that its outputs are in, one behind the other)
READS = {
    **{"q": "read", "k": "memory", "v": "memory", "qkv": "read", "o": "mix"},
    **dict.fromkeys(("wi", "wi_0", "wi_1", "wi_01"), "read"),
    "wo": "units",
}
WRITES = {
    **{"q": ("q",), "k": ("k",), "v": ("v",), "qkv": ("q", "k", "v"), "o": ("write",), "wo": ("write",)},
    **dict.fromkeys(("wi", "wi_0", "wi_1"), ("units",)),
    "wi_01": ("units", "units"),
}
# fused kind of projection to those whose rows it has, one behind the other
FUSED: dict[str, tuple[str, ...]] = {"qkv": ("q", "k", "v"), "wi_01": ("wi_0", "wi_1")}


@dataclass(frozen=True, order=True)
class Place:
    """Where a site sits: ``stack``, index of its ``layer``, name of its ``sublayer``."""

    stack: str
    layer: int
    sublayer: str


@dataclass(frozen=True)
class Sited:
    """A site of a host: its place, its kind (``peftport.hosts.sites``) and its name without a wrapper's prefix."""

    place: Place
    kind: str
    name: str


def locate(family: Family, name: str, kinds: tuple[str, ...] = PROJECTIONS) -> Sited:
    """The site that a submodule's name says, with or without the prefixes of wrappers.

    Raises:
        ValueError: it is no site of these kinds, or the family's stream is not described.
    """
    for kind in kinds:
        for stack, template in family.sites.get(kind, ()):
            front, _, behind = template.partition("{layer}")
            if found := re.fullmatch(rf"(?:.*\.)?{re.escape(front)}(\d+){re.escape(behind)}", name):
                place = Place(stack, int(found[1]), _sublayer(family, stack, template))
                return Sited(place, kind, template.format(layer=found[1]))
    raise ValueError(f"{name} is no site of the kinds {', '.join(kinds)} in the family {family.name!r}")


def template_of(family: Family, kind: str, stack: str, sublayer: str) -> str | None:
    """Template of the site of a kind in a sub-layer; None where the family has none there."""
    for its_stack, template in family.sites.get(kind, ()):
        if its_stack == stack and _sublayer(family, stack, template) == sublayer:
            return template
    return None


def width(name: str, shape: Mapping[str, int]) -> int:
    """How many coordinates a space has in a host of this shape, or what a projection reads or writes (``q.in``)."""
    kind, _, side = name.partition(".")
    if side:
        return sum(width(space, shape) for space in ((READS[kind],) if side == "in" else WRITES[kind]))
    attention = {"q": "heads", "mix": "heads", "k": "key_value_heads", "v": "key_value_heads"}
    if name in attention:
        return shape[attention[name]] * shape["d_kv"]
    if name == EMBEDDING:
        return shape.get("embedding", shape["d_model"])
    return shape["d_ff" if name == "units" else "d_model"]


def refusal(family: Family) -> str | None:
    """Why no map can be made from or into hosts of a family; None if it can."""
    if family.stream is None:
        return (
            f"how hosts of the family {family.name!r} read and write their residual stream is not described "
            "(`Family.stream`), so a module can only be copied there"
        )
    return None


def _sublayer(family: Family, stack: str, template: str) -> str:
    if (reason := refusal(family)) is not None:
        raise ValueError(reason)
    for part in family.stream.sublayers:
        if part.stack == stack and any(f"{template}.".startswith(f"{owner}.") for owner in part.owners):
            return part.name
    raise ValueError(f"{template} is in no sub-layer of the family {family.name!r}")
