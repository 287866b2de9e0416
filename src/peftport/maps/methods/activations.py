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

from peftport.maps import theseus
from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.cross import Cross
from peftport.maps.from_texts import from_texts, size_of_writes, unreadable
from peftport.maps.linear import Isometry, LinearMap, Selection
from peftport.maps.map_facts import MapFacts
from peftport.maps.pair import Pair
from peftport.maps.procrustes import polar
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import STREAM
from peftport.maps.sublayers import Between, clipped_gains, size_ratio, spaces
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


def fit(pair: Pair, settings: MapSettings, rng: np.random.Generator) -> Correspondence:
    """The correspondence; nothing is drawn.

    Raises:
        ValueError: no texts, or fewer rows than a map of the stream takes.
    """
    del rng

    def of_embedding(space: Space, cross: Cross, facts: MapFacts) -> Isometry:
        turned = _turned(cross, settings)
        facts.judge(space, turned, cross)
        return turned

    wanted, of_sublayer = (theseus.spaces, theseus.maps) if settings.published else (spaces, _maps)
    return from_texts(pair, settings, wanted, of_embedding, of_sublayer)


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
            *gains, few = clipped_gains(pair, (at.target, at.source), space.name == "memory")
            facts.clipped_gains += few
            if gains[0] is not None and gains[1] is not None and _centred(pair):
                cross = with_mean(cross, crosses[at.space(STREAM)])
        many = space.name == "units" and max(cross.product.shape) > LARGEST_TURN
        turned = _matched(cross, facts) if many else _turned(cross, settings)
        facts.judge(space, turned, cross)
        maps[space] = replace(turned, target_gain=gains[0], source_gain=gains[1]) if behind else turned
    write = at.space("write")
    maps[write] = Isometry(maps[at.space("read")].basis, size_of_writes(at, crosses))
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
