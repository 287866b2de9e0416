"""Cross-LoRA (2025), in a form whose sizes fit: what a LoRA adds is written in singular vectors of the source's weight
and read in those of the target's, ``U_t (U_s^T DeltaW V_s) V_t^T``.

The paper's own formula does not fit where widths differ. Singular vectors come with a joint sign that nothing fixes:
``signs: published`` takes the largest entry of each vector as positive, left and right by themselves, as a public
implementation does; ``anchored`` takes the sign that agrees with the map of the streams, folds the norms' scales into
the weights and corrects for the width.
"""

from collections.abc import Iterator

import numpy as np
from scipy.linalg import svd

from peftport.hosts.sites import PROJECTIONS
from peftport.maps import procrustes
from peftport.maps.alike import small_vocabulary, unlike
from peftport.maps.correspondence import Correspondence, Space
from peftport.maps.layers import layer_maps
from peftport.maps.linear import Factors, LinearMap
from peftport.maps.pair import PART_OF, End, Pair
from peftport.maps.settings import MapSettings
from peftport.maps.spaces import READS, Place
from peftport.maps.stream_tokens import from_tokens
from peftport.maps.sublayers import behind_norms, pairs_of

RULE = (
    "what a LoRA adds is taken over from the leading singular vectors of the source's weight to those of the target's"
)
SOURCE = (
    "Cross-LoRA (arXiv 2508.05232), with sizes that fit; unless `signs: published`, signs are those that agree with "
    "the streams of shared tokens, norms' scales are folded in and widths corrected for"
)
NEEDS = frozenset({"weights", "tokens"})
TECHNIQUES = frozenset({"lora"})
MORE, POWERS = 16, 2  # further directions, and products with the weight, of the randomised range finder

Vectors = tuple[np.ndarray, np.ndarray]


def refusals(source_card, target_card, settings: MapSettings) -> list[str]:
    """Why weights of these hosts cannot be compared."""
    reasons = unlike(source_card, target_card, settings)
    return reasons or ([] if settings.signs == "published" else small_vocabulary(source_card, target_card))


def fit(pair: Pair, settings: MapSettings, rng: np.random.Generator) -> Correspondence:
    """For every projection of both hosts a map of what it reads and one of what it writes.

    Args:
        rng: for the range finder of weights whose singular vectors are not all kept.
    """
    layers, anchored = layer_maps(pair, settings), settings.signs == "anchored"
    stream = from_tokens(pair) if anchored else None
    maps: dict[Space, LinearMap] = {}
    clipped: dict[tuple[Place, Place, bool], int] = {}
    for part in pair.target.family.stream.sublayers:
        for target, source in pairs_of(layers[part.stack]):
            places = Place(part.stack, target, part.name), Place(part.stack, source, part.name)
            for kind in projections_of(pair, places):
                memory = READS[kind] == "memory"
                reads = READS[kind] in ("read", "memory")
                gains = behind_norms(pair, places, memory) if anchored and reads else None
                basis = None if stream is None else stream.basis
                into, out = _maps(pair, places, kind, (settings.rank, rng), (basis, gains))
                maps[Space(f"{kind}.in", part.stack, part.name, target, source)] = into
                maps[Space(f"{kind}.out", part.stack, part.name, target, source)] = out
                clipped |= {} if gains is None else {(*places, memory): gains[2]}
    facts = {} if stream is None else stream.facts
    return Correspondence(layers, maps, facts | {"clipped_gains": sum(clipped.values())})


def projections_of(pair: Pair, places: tuple[Place, Place]) -> Iterator[str]:
    """Kinds of projections that a target and a source sub-layer have; of fused ones the parts only where one has them
    apart."""
    ends = list(zip((pair.target, pair.source), places, strict=True))
    for kind in PROJECTIONS:
        if all(end.has(place, kind) for end, place in ends):
            fused = PART_OF.get(kind, ("", 0))[0]
            if not (fused and all(end.stored(place, fused) for end, place in ends)):
                yield kind


def leading(weight: np.ndarray, count: int, rng: np.random.Generator) -> Vectors:
    """(outputs, n) left and (inputs, n) right singular vectors of the largest singular values, at most ``count``.

    Where few of many are asked for, they are those of a random range with power iterations (Halko et al., 2011).
    """
    if 4 * count < min(weight.shape):
        basis = weight @ rng.standard_normal((weight.shape[1], count + MORE))
        for _ in range(POWERS):
            basis = weight @ (weight.T @ np.linalg.qr(basis)[0])
        basis = np.linalg.qr(basis)[0]
        left, _, right = svd(basis.T @ weight, full_matrices=False, lapack_driver=procrustes.DRIVER)
        left = basis @ left
    else:
        left, _, right = svd(weight, full_matrices=False, lapack_driver=procrustes.DRIVER)
    return left[:, :count], right[:count].T


def _maps(pair: Pair, places, kind: str, draw, anchor) -> tuple[Factors, Factors]:
    """What a projection reads and what it writes.

    Args:
        draw: singular vectors at most, and the generator.
        anchor: R of the streams or None, and the scales of the norms in front or None.
    """
    (rank, rng), (basis, gains) = draw, anchor
    sides = []
    for index, (end, place) in enumerate(zip((pair.target, pair.source), places, strict=True)):
        weight = _weight(end, place, kind, None if gains is None else gains[index])
        sides.append(leading(weight, rank, rng))
    count = min(left.shape[1] for left, _ in sides)
    (u_t, v_t), (u_s, v_s) = ((left[:, :count], right[:, :count]) for left, right in sides)
    if basis is None:
        u_t, v_t, u_s, v_s = (vectors * _largest_positive(vectors) for vectors in (u_t, v_t, u_s, v_s))
    else:
        ends = (v_t, v_s) if READS[kind] in ("read", "memory") else (u_t, u_s)
        signs = np.where(np.einsum("ti,ts,si->i", ends[0], basis, ends[1], optimize=True) < 0, -1.0, 1.0)
        u_t, v_t = u_t * signs, v_t * signs
    out = Factors(u_t, u_s.T)
    if gains is None:
        return Factors(v_t, v_s.T), out
    width = float(np.sqrt(len(v_t) / len(v_s)))
    return Factors(v_t, v_s.T, width, gains[0], gains[1]), out


def _weight(end: End, place: Place, kind: str, gain: np.ndarray | None) -> np.ndarray:
    weight = end.weight(place, kind)
    return weight if gain is None else weight * gain


def _largest_positive(vectors: np.ndarray) -> np.ndarray:
    """(n,) signs that make the largest entry of each column positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)[0]
    return np.where(largest < 0, -1.0, 1.0)
