"""How far the weights of two hosts are apart: drift, cosine and common leading directions, by kind of site.

Weights are folded: the columns of one that reads the stream behind a norm are multiplied by the norm's scales, since a
host computes the same with its scales in the one or in the other. Weights of one site of two hosts are in memory at a
time. A site that one host lacks, or that has another shape there, is left out, and so are all sites of a stack that has
another number of layers.
"""

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from peftport.adapters.bases import distance
from peftport.adapters.overlap import overlap
from peftport.distances.measures import ALL, Found
from peftport.hosts.sites import PROJECTIONS
from peftport.maps.pair import End
from peftport.maps.spaces import READS, Place, refusal

OF_STREAM = ("read", "memory")  # spaces behind a norm


def weight_distances(source: End, target: End) -> list[Found]:
    """Means over the sites of each kind, and over all: root mean square of drifts, means of the rest.

    Raises:
        HostFilesError: weights cannot be read.
    """
    values: dict[tuple[str, str], list[tuple[float, float | None]]] = defaultdict(list)
    for place, kind in common_sites(source, target):
        old, new = folded(source, place, kind), folded(target, place, kind)
        if not old.any() or not new.any():
            continue
        apart, shared = distance(old, new), overlap(old, new)
        numbers = {
            "drift": (apart.drift, None),
            "cosine": (apart.cosine, 0.0),
            "overlap_outputs": (shared.outputs, shared.outputs_chance),
            "overlap_inputs": (shared.inputs, shared.inputs_chance),
        }
        for name, number in numbers.items():
            for group in (kind, ALL):
                values[name, group].append(number)
    return [Found(name, group, *_mean(name, numbers)) for (name, group), numbers in values.items()]


def _mean(name: str, numbers: list[tuple[float, float | None]]) -> tuple[float, float | None]:
    values, chances = zip(*numbers, strict=True)
    mean = math.sqrt(np.mean(np.square(values))) if name == "drift" else float(np.mean(values))
    return mean, None if chances[0] is None else float(np.mean(chances))


def common_sites(source: End, target: End) -> Iterator[tuple[Place, str]]:
    """Projections with a weight of one shape in both hosts, place and kind; none where a stream is not described."""
    if refusal(source.family) or refusal(target.family):
        return
    theirs = {(part.stack, part.name) for part in target.family.stream.sublayers}
    for part in source.family.stream.sublayers:
        layers = source.layers(part.stack)
        if (part.stack, part.name) not in theirs or layers != target.layers(part.stack):
            continue
        for place in (Place(part.stack, layer, part.name) for layer in range(layers)):
            for kind in PROJECTIONS:
                if shaped_alike(source, target, place, kind):
                    yield place, kind


def shaped_alike(source: End, target: End, place: Place, kind: str) -> bool:
    """Whether both hosts have a projection there, of one shape with at least two rows and columns."""
    if not (source.stored(place, kind) and target.stored(place, kind)):
        return False
    shapes = [end.weight(place, kind).shape for end in (source, target)]
    return shapes[0] == shapes[1] and min(shapes[0]) > 1


def folded(end: End, place: Place, kind: str) -> np.ndarray:
    """(outputs, inputs) of a projection, float64, with the scales of the norm that it reads behind."""
    scales = gains(end, place, kind)
    return end.weight(place, kind) if scales is None else end.weight(place, kind) * scales


def gains(end: End, place: Place, kind: str) -> np.ndarray | None:
    """(inputs,) scales of the norm in front of a projection; None where it reads something else."""
    space = READS[kind]
    gain = end.gain(place, memory=space == "memory") if space in OF_STREAM else None
    return None if gain is None else gain + end.family.norm_begins
