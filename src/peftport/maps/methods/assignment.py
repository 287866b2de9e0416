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
from peftport.maps.from_texts import from_texts, size_of_writes, unreadable
from peftport.maps.linear import Isometry, LinearMap, Selection
from peftport.maps.map_facts import MapFacts
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import STREAM
from peftport.maps.sublayers import Between, clipped_gains, size_ratio, spaces
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
    return from_texts(pair, settings, spaces, _selected, _maps)


def _maps(
    pair: Pair, at: Between, crosses: Mapping[Space, Cross], settings: MapSettings, facts: MapFacts
) -> dict[Space, LinearMap]:
    """The maps of a sub-layer's spaces."""
    maps: dict[Space, LinearMap] = {}
    for space, cross in crosses.items():
        if space.name in (STREAM, "write"):
            continue
        maps[space] = selected = _selected(space, cross, facts)
        if space.name == "read":
            stream = selected
        if space.name in ("read", "memory") and not settings.published:
            *gains, few = clipped_gains(pair, (at.target, at.source), space.name == "memory")
            facts.clipped_gains += few
            maps[space] = Isometry(_basis(selected), size_ratio(cross) or 1.0, *gains)
    write = at.space("write")
    maps[write] = stream if settings.published else Isometry(_basis(stream), size_of_writes(at, crosses))
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
