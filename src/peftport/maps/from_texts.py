"""A correspondence from what both hosts compute on texts: the walk over spaces that methods share."""

from collections.abc import Callable, Mapping, Sequence

from peftport.hosts.families.table import family
from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.cross import Cross
from peftport.maps.layers import layer_maps
from peftport.maps.linear import LinearMap
from peftport.maps.map_facts import MapFacts
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import EMBEDDING, STREAM, refusal
from peftport.maps.sublayers import Between, between, size_ratio
from peftport.storage.provenance import JsonObject

Crosses = Mapping[Space, Cross]
# of a pair and a sub-layer: the spaces whose moments are wanted
Wanted = Callable[[Pair, Between], Sequence[Space]]
# of the embeddings' space and its moments: its map
OfEmbedding = Callable[[Space, Cross, MapFacts], LinearMap]
# of a pair, a sub-layer and the moments of its spaces: their maps
OfSublayer = Callable[[Pair, Between, Crosses, MapSettings, MapFacts], dict[Space, LinearMap]]


def unreadable(source_card: JsonObject, target_card: JsonObject) -> list[str]:
    """Why the states of two hosts cannot be compared, one line each."""
    kinds = [family(card["model_type"]) for card in (source_card, target_card)]
    reasons = list(dict.fromkeys(reason for kind in kinds if (reason := refusal(kind)) is not None))
    for stack in ("encoder", "decoder"):
        has = [bool(card["shape"].get(f"{stack}_layers")) for card in (source_card, target_card)]
        if has == [False, True]:
            reasons.append(f"the target host has {stack} layers, and the source host has none that a module comes from")
    return reasons


def from_texts(
    pair: Pair, settings: MapSettings, wanted: Wanted, of_embedding: OfEmbedding, of_sublayer: OfSublayer
) -> Correspondence:
    """The maps of the embeddings and of every sub-layer, and what the card says.

    Raises:
        ValueError: no texts, or fewer rows than a map of the stream takes.
    """
    if pair.moments is None:
        raise ValueError(f"`{settings.method}` compares what hosts compute on texts, and the map was given none")
    layers, facts = layer_maps(pair, settings), MapFacts()
    places, embedding = between(pair, layers), Space(EMBEDDING)
    found = pair.moments().collect([[embedding], *(wanted(pair, at) for at in places)])
    least = min(end.card["shape"]["d_model"] for end in (pair.source, pair.target))
    crosses = next(found)
    facts.count(crosses, least)
    maps = {embedding: of_embedding(embedding, crosses[embedding], facts)}
    for at, crosses in zip(places, found, strict=True):
        facts.count(crosses, least)
        maps |= of_sublayer(pair, at, crosses, settings, facts)
    return Correspondence(layers, maps, facts.as_json())


def size_of_writes(at: Between, crosses: Crosses) -> float:
    """How much larger a sub-layer of the target writes; where one writes nothing, how much larger its stream is."""
    return size_ratio(crosses[at.space("write")]) or size_ratio(crosses[at.space(STREAM)]) or 1.0
