"""The sub-layers between which maps are wanted, and the scales of the norms in front of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from peftport.maps.correspondence import Layers, Space
from peftport.maps.cross import Cross
from peftport.maps.pair import End, Pair
from peftport.maps.spaces import STREAM, Place

SMALLEST_GAIN = 1e-3  # of a norm's median gain: what is divided by less would explode


@dataclass(frozen=True)
class Between:
    """A sub-layer of a target layer and the same of a source layer that stands for it.

    Attributes:
        target: its place in the target host.
        source: its place in the source host.
    """

    target: Place
    source: Place

    def space(self, name: str) -> Space:
        """The space of this name."""
        return Space(name, self.target.stack, self.target.sublayer, self.target.layer, self.source.layer)

    def sides(self, pair: Pair) -> tuple[tuple[End, Place], tuple[End, Place]]:
        """Target host and source host, each with the place in it."""
        return (pair.target, self.target), (pair.source, self.source)


def between(pair: Pair, layers: Mapping[str, Layers]) -> list[Between]:
    """All that both hosts have, in the order of the target's layers."""
    known = {(part.stack, part.name) for part in pair.source.family.stream.sublayers}
    return [
        Between(Place(stack, target, part.name), Place(stack, source, part.name))
        for stack, rows in layers.items()
        for target, row in enumerate(rows)
        for source, _ in row
        for part in pair.target.family.stream.sublayers
        if part.stack == stack and (part.stack, part.name) in known
    ]


def spaces(pair: Pair, at: Between) -> list[Space]:
    """The spaces of a sub-layer whose states are compared; ``mix`` only where it is not as wide as ``v``."""
    names = ["read", "write", STREAM]
    if at.target.sublayer == "feed_forward":
        return [at.space(name) for name in (*names, "units")]
    shapes = [end.card["shape"] for end, _ in at.sides(pair)]
    grouped = any(shape["heads"] != shape["key_value_heads"] for shape in shapes)
    names += ["memory"] * (at.target.sublayer == "cross") + ["q", "k", "v"] + ["mix"] * grouped
    return [at.space(name) for name in names]


def size_ratio(cross: Cross) -> float | None:
    """How much larger states of the target host are; None where those of one host are all zero."""
    sizes = cross.target.norm, cross.source.norm
    return sizes[0] / sizes[1] if min(sizes) > 0 else None


def pairs_of(layers: Layers) -> list[tuple[int, int]]:
    """Every (target layer, source layer) of a layer map."""
    return [(target, source) for target, row in enumerate(layers) for source, _ in row]


def clipped_gain(end: End, place: Place, memory: bool = False) -> tuple[np.ndarray | None, int]:
    """(d,) scale of the norm in front of a sub-layer, none nearer to 0 than a share of the median; how many were.

    None where the sub-layer reads the stream as it is.
    """
    gain = end.gain(place, memory)
    if gain is None:
        return None, 0
    least = SMALLEST_GAIN * (float(np.median(np.abs(gain))) or 1.0)
    small = np.abs(gain) < least
    return np.where(small, np.where(gain < 0, -least, least), gain), int(small.sum())


def clipped_gains(
    pair: Pair, places: tuple[Place, Place], memory: bool
) -> tuple[np.ndarray | None, np.ndarray | None, int]:
    """The same of a target and a source sub-layer, and how many entries of both."""
    sides = zip((pair.target, pair.source), places, strict=True)
    (target, few), (source, fewer) = (clipped_gain(end, place, memory) for end, place in sides)
    return target, source, few + fewer


def behind_norms(pair: Pair, places: tuple[Place, Place], memory: bool) -> tuple[np.ndarray, np.ndarray, int] | None:
    """The same of two hosts that are alike: None where no norm stands in front."""
    found = clipped_gains(pair, places, memory)
    return None if found[0] is None else found
