"""Maps between what both hosts compute on the same texts: orthogonal Procrustes, space by space.

Theseus (Rinaldi et al., ICML 2026, arXiv 2602.12952) aligns the inputs and the outputs of every projection by itself;
``published: true`` does that (``peftport.maps.theseus``). It is exact only where the scales of norms agree, and not
even between a host and itself where outputs do not span their space. Repaired here:

* the stream is compared behind its norms without their scales, one map at each depth, and scales enter the map of what
  is read: ``diag(g_t) R diag(1 / g_s)``;
* one map for each space: units are those that go into the last projection, ``mix`` is turned as the values are;
* beyond the span of what was seen a map is as near to the identity as can be;
* sizes: ``||x_t|| / ||x_s||`` of each space, for what is written that of what sub-layers write.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from peftport.hosts.families.table import family
from peftport.maps import theseus
from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.cross import Cross
from peftport.maps.layers import layer_maps
from peftport.maps.linear import Isometry, LinearMap, Selection
from peftport.maps.map_facts import MapFacts
from peftport.maps.pair import Pair
from peftport.maps.procrustes import polar
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import EMBEDDING, STREAM, refusal
from peftport.maps.sublayers import Between, between, clipped_gain, size_ratio, spaces
from peftport.maps.units import assigned
from peftport.storage.provenance import JsonObject

RULE = "both hosts read the same texts, and each space is turned so that its states agree best (Procrustes)"
SOURCE = "Theseus, Rinaldi et al., ICML 2026 (arXiv 2602.12952), repaired: scales of norms, one map a space, sizes"
NEEDS = frozenset({"weights", "texts"})
TECHNIQUES = None

LARGEST_TURN = 4096  # units up to which they are turned; more are matched one to one, for a turn takes their cube
SPANNED = 1e-11  # of products of states: 3e-6 of the states, above what float32 leaves of a direction that is not there
EQUAL = ("d_model", "d_kv", "d_ff", "heads", "key_value_heads")  # sizes that a prior of the identity asks for


def refusals(source_card: JsonObject, target_card: JsonObject, settings: MapSettings) -> list[str]:
    """Why the map cannot be made, one line each."""
    reasons = unreadable(source_card, target_card)
    if settings.prior and settings.published:
        reasons.append("`prior` is no part of the published method: take `published` or `prior` away")
    shapes = source_card["shape"], target_card["shape"]
    unequal = [size for size in EQUAL if shapes[0].get(size) != shapes[1].get(size)]
    if settings.prior and unequal:
        found = ", ".join(f"{size} {shapes[0].get(size)} and {shapes[1].get(size)}" for size in unequal)
        reasons.append(f"`prior` draws maps towards the identity, which takes hosts of equal shapes; they have {found}")
    return reasons


def unreadable(source_card: JsonObject, target_card: JsonObject) -> list[str]:
    """Why the states of two hosts cannot be compared, one line each."""
    kinds = [family(card["model_type"]) for card in (source_card, target_card)]
    reasons = list(dict.fromkeys(reason for kind in kinds if (reason := refusal(kind)) is not None))
    for stack in ("encoder", "decoder"):
        has = [bool(card["shape"].get(f"{stack}_layers")) for card in (source_card, target_card)]
        if has == [False, True]:
            reasons.append(f"the target host has {stack} layers, and the source host has none that a module comes from")
    return reasons


def fit(pair: Pair, settings: MapSettings, rng: np.random.Generator) -> Correspondence:
    """The correspondence; nothing is drawn.

    Raises:
        ValueError: no texts, or fewer rows than a map of the stream takes.
    """
    del rng
    wanted, sublayer = (theseus.spaces, theseus.maps) if settings.published else (spaces, _maps)
    if pair.moments is None:
        raise ValueError("`activations` compares what hosts compute on texts, and the map was given none")
    layers, facts = layer_maps(pair, settings), MapFacts()
    places, embedding = between(pair, layers), Space(EMBEDDING)
    found = pair.moments().collect([[embedding], *(wanted(pair, at) for at in places)])
    least = min(end.card["shape"]["d_model"] for end in (pair.source, pair.target))
    crosses = next(found)
    facts.count(crosses, least)
    maps: dict[Space, LinearMap] = {embedding: _turned(crosses[embedding], settings)}
    facts.judge(embedding, maps[embedding], crosses[embedding])
    for at, crosses in zip(places, found, strict=True):
        facts.count(crosses, least)
        maps |= sublayer(pair, at, crosses, settings, facts)
    return Correspondence(layers, maps, facts.as_json())


def _maps(
    pair: Pair, at: Between, crosses: Mapping[Space, Cross], settings: MapSettings, facts: MapFacts
) -> dict[Space, LinearMap]:
    """The maps of a sub-layer's spaces."""
    maps: dict[Space, LinearMap] = {}
    for space, cross in crosses.items():
        if space.name in (STREAM, "write"):
            continue
        behind = space.name in ("read", "memory")
        if behind:
            gains, few = zip(*(clipped_gain(*side, space.name == "memory") for side in at.sides(pair)), strict=True)
            facts.clipped_gains += sum(few)
            if gains[0] is not None and gains[1] is not None and _centred(pair):
                cross = with_mean(cross, crosses[at.space(STREAM)])
        many = space.name == "units" and max(cross.product.shape) > LARGEST_TURN
        turned = _matched(cross, facts) if many else _turned(cross, settings)
        facts.judge(space, turned, cross)
        maps[space] = replace(turned, target_gain=gains[0], source_gain=gains[1]) if behind else turned
    write = at.space("write")
    size = size_ratio(crosses[write]) or size_ratio(crosses[at.space(STREAM)]) or 1.0
    maps[write] = Isometry(maps[at.space("read")].basis, size)
    facts.judge(write, maps[write], crosses[write])
    if at.space("v") in maps:
        maps.setdefault(at.space("mix"), maps[at.space("v")])
    return maps


def _centred(pair: Pair) -> bool:
    """Whether norms of both hosts take the mean of the coordinates away."""
    return pair.source.family.stream.centred and pair.target.family.stream.centred


def with_mean(cross: Cross, stream: Cross) -> Cross:
    """The moments behind norms that take the mean away, with the direction of the mean put back.

    Nothing is seen of that direction there, and shifts of norms have a part in it. It goes to itself, with the sign by
    which the streams before the norms agree.
    """
    n_t, n_s = cross.product.shape
    size = np.linalg.norm(cross.product) / np.sqrt(min(n_t, n_s) * n_t * n_s)
    return replace(cross, product=cross.product + (size if stream.sums >= 0 else -size))


def _turned(cross: Cross, settings: MapSettings) -> Isometry:
    """The isometry of a space, drawn towards the identity by ``prior``, and its size."""
    products = cross.product
    if settings.prior:
        products = products / (np.linalg.norm(products, 2) or 1.0) + settings.prior * np.eye(*products.shape)
    return Isometry(polar(products, SPANNED), size_ratio(cross) or 1.0)


def _matched(cross: Cross, facts: MapFacts) -> Selection:
    """Units one to one, by correlation."""
    indices, _ = assigned(cross.correlation())
    facts.warnings[f"more than {LARGEST_TURN} units are matched one to one instead of being turned"] = None
    return Selection(indices, cross.product.shape[1])
