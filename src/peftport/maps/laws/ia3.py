"""(IA)3: scales of coordinates stay scales of coordinates where the map only orders, repeats or scales these.

A map that mixes coordinates (values in another basis) has no exact counterpart: the scales are then the nearest ones.
"""

from collections.abc import Sequence

from peftport.maps.laws.law import IN, OUT, Law, Parts, SiteMaps, Tensors, diagonal, plain_mean
from peftport.maps.spaces import READS, WRITES
from peftport.storage.provenance import JsonObject

SCALES = "ia3_l"
AT_INPUT = ("wo", "o")


def carry(tensors: Tensors, maps: SiteMaps) -> Tensors:
    """The scales of one projection, (outputs, 1) or (1, inputs)."""
    scales = tensors[SCALES]
    linear = maps[IN if maps.kind in AT_INPUT else OUT]
    carried = diagonal(scales.reshape(-1), linear)
    return {SCALES: carried[:, None] if scales.shape[1] == 1 else carried[None]}


def mean(parts: Parts, most: int) -> tuple[Tensors, JsonObject]:
    """The sum of the shares of what several scales change: right to first order."""
    return plain_mean(LAW, parts), {}


def touches(kinds: Sequence[str]) -> set[str]:
    """The spaces of the coordinates that are scaled."""
    scaled = [(READS[kind],) if kind in AT_INPUT else WRITES[kind] for kind in kinds]
    return {space for spaces in scaled for space in spaces}


LAW = Law(
    kinds=("k", "v", "wo", "qkv", "o"),
    axes={SCALES: (None, None)},
    adds=(SCALES,),
    neutral=1.0,
    chosen="targets",
    carry=carry,
    mean=mean,
    touches=touches,
)
