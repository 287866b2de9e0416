"""One coordinate for one: those that vary alike over the same texts (correlation, best assignment).

Klimaszewski et al., *Is Modularity Transferable?* (LREC-COLING 2024, arXiv 2403.18804), for hosts that do not fit.
Pearson's correlation of every source with every target coordinate, then the assignment with the largest signed sum.
It is exact where hosts differ by the order of coordinates, and useless where they differ by a rotation. Repaired here:

* what a projection writes is assigned by itself (the published code takes the indices of what it reads);
* the target may be wider: coordinates without a counterpart get nothing;
* scales of norms enter the map of what is read, for correlation does not see them.

``published: true`` leaves out the last two.
"""

from collections.abc import Mapping

import numpy as np

from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.cross import Cross
from peftport.maps.layers import layer_maps
from peftport.maps.linear import Isometry, LinearMap, Selection
from peftport.maps.map_facts import MapFacts
from peftport.maps.methods.activations import unreadable
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import EMBEDDING, STREAM
from peftport.maps.sublayers import Between, between, clipped_gain, size_ratio, spaces
from peftport.maps.units import assigned
from peftport.storage.provenance import JsonObject

RULE = "each coordinate is taken from the one that varies most alike over the same texts"
SOURCE = "Klimaszewski et al., LREC-COLING 2024 (arXiv 2403.18804), with outputs assigned too, and scales of norms"
NEEDS = frozenset({"weights", "texts"})
TECHNIQUES = frozenset({"lora", "adapters"})


def refusals(source_card: JsonObject, target_card: JsonObject, settings: MapSettings) -> list[str]:
    """Why the map cannot be made, one line each."""
    reasons = unreadable(source_card, target_card)
    widths = [card["shape"]["d_model"] for card in (source_card, target_card)]
    if settings.published and widths[1] > widths[0]:
        reasons.append(
            f"as published, a target may not be wider than its source, and they are {widths[1]} and {widths[0]} wide: "
            "take `published` away"
        )
    return reasons


def fit(pair: Pair, settings: MapSettings, rng: np.random.Generator) -> Correspondence:
    """The correspondence; nothing is drawn.

    Raises:
        ValueError: no texts, or fewer rows than coordinates of a stream.
    """
    del rng
    if pair.moments is None:
        raise ValueError("`assignment` compares what hosts compute on texts, and the map was given none")
    layers, facts = layer_maps(pair, settings), MapFacts()
    places, embedding = between(pair, layers), Space(EMBEDDING)
    least = min(end.card["shape"]["d_model"] for end in (pair.source, pair.target))
    found = pair.moments().collect([[embedding], *(spaces(pair, at) for at in places)])
    crosses = next(found)
    facts.count(crosses, least)
    maps: dict[Space, LinearMap] = {embedding: _selected(embedding, crosses[embedding], facts)}
    for at, crosses in zip(places, found, strict=True):
        facts.count(crosses, least)
        maps |= _maps(pair, at, crosses, settings.published, facts)
    return Correspondence(layers, maps, facts.as_json())


def _maps(
    pair: Pair, at: Between, crosses: Mapping[Space, Cross], published: bool, facts: MapFacts
) -> dict[Space, LinearMap]:
    """The maps of a sub-layer's spaces."""
    maps: dict[Space, LinearMap] = {}
    for space, cross in crosses.items():
        if space.name in (STREAM, "write"):
            continue
        maps[space] = selected = _selected(space, cross, facts)
        if space.name == "read":
            stream = selected
        if space.name in ("read", "memory") and not published:
            gains, few = zip(*(clipped_gain(*side, space.name == "memory") for side in at.sides(pair)), strict=True)
            facts.clipped_gains += sum(few)
            maps[space] = Isometry(_basis(selected), size_ratio(cross) or 1.0, *gains)
    write = at.space("write")
    size = size_ratio(crosses[write]) or size_ratio(crosses[at.space(STREAM)]) or 1.0
    maps[write] = stream if published else Isometry(_basis(stream), size)
    if at.space("v") in maps:
        maps.setdefault(at.space("mix"), maps[at.space("v")])
    return maps


def _selected(space: Space, cross: Cross, facts: MapFacts) -> Selection:
    indices, _ = assigned(cross.correlation())
    selected = Selection(indices, cross.product.shape[1])
    facts.judge(space, selected, cross)
    return selected


def _basis(selected: Selection) -> np.ndarray:
    """(n_t, n_s) of zeros and ones."""
    return selected.forward(np.eye(selected.size))
