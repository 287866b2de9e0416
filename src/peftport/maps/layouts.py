"""Sites of a module in a host whose projections lie otherwise: fused ones taken apart, separate ones put together.

GPT-2 and Phi-3 have queries, keys and values in one matrix, LLaMA and Mistral in three. An update of the one is three
updates that read the same, and three updates are one whose rank is the sum of theirs.
"""

from typing import NamedTuple

from peftport.hosts.sites import Family
from peftport.maps.laws.law import Law, Route, Tensors
from peftport.maps.spaces import FUSED, template_of, width
from peftport.storage.provenance import JsonObject

WHOLE = {part: fused for fused, parts in FUSED.items() for part in parts}


class Kind(NamedTuple):
    """The sites of a kind in all layers of a stack."""

    kind: str
    stack: str
    sublayer: str


Layers = dict[int, Tensors]  # layer to the tensors of its site


def counterparts(at: Kind, target: Family, law: Law) -> tuple[str, ...]:
    """The kinds of sites in hosts of a family that together hold what a site holds; none where there are none."""
    if template_of(target, *at) is not None:
        return (at.kind,)
    if law.split is None:
        return ()
    for kinds in (FUSED.get(at.kind, ()), (WHOLE.get(at.kind, ""),)):
        if kinds and all(template_of(target, kind, at.stack, at.sublayer) is not None for kind in kinds):
            return kinds
    return ()


def relaid(sites: dict[Kind, Layers], law: Law, route: Route) -> tuple[dict[Kind, Layers], JsonObject]:
    """The sites of a module as its target has them, still in the source's coordinates, and facts about it.

    What has no counterpart stays. Modules of several separate sites that become one are ``times_as_wide``.
    """
    new: dict[Kind, Layers] = {}
    apart: dict[Kind, dict[str, Layers]] = {}
    for at, layers in sites.items():
        kinds = counterparts(at, route.target, law)
        if len(kinds) > 1:
            cut = {layer: law.split(tensors, _sizes(kinds, route)) for layer, tensors in layers.items()}
            new |= {at._replace(kind=kind): {n: cut[n][part] for n in cut} for part, kind in enumerate(kinds)}
        elif kinds not in ((), (at.kind,)):
            apart.setdefault(at._replace(kind=kinds[0]), {})[at.kind] = layers
        else:
            new[at] = dict(layers)
    if not apart:
        return new, {}
    for at, by_kind in apart.items():
        kinds, there = FUSED[at.kind], sorted({layer for layers in by_kind.values() for layer in layers})
        parts = {layer: [by_kind.get(kind, {}).get(layer) for kind in kinds] for layer in there}
        new[at] = {layer: law.join(tensors, _sizes(kinds, route)) for layer, tensors in parts.items()}
    places = [(at, layer) for at, layers in new.items() for layer in layers]
    for (at, layer), tensors in zip(places, law.evened([new[at][layer] for at, layer in places]), strict=True):
        new[at][layer] = tensors
    return new, {"times_as_wide": max(len(by_kind) for by_kind in apart.values())}


def _sizes(kinds: tuple[str, ...], route: Route) -> list[int]:
    """Outputs of projections in the source."""
    return [width(f"{kind}.out", route.shapes[0]) for kind in kinds]
