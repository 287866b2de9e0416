"""Modules whose layers are carried rightly and put where they do not belong: does the layer map matter?"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peftport.maps.correspondence import Correspondence
from peftport.porting import ported

RULE = (
    "Carried as `ported`, but each target layer holds what the map meant for another one: the layers of a stack in "
    "reverse order, those of a stack of at most three moved on by one."
)
NEEDS = frozenset({"source", "map"})
FEW = 3  # layers of which a reversal would leave one, or all, in their place

start = ported.start


def change(correspondence: Correspondence, rng: np.random.Generator) -> Correspondence:
    """The correspondence with its target layers in another order; nothing is drawn."""
    orders = {stack: _order(len(rows)) for stack, rows in correspondence.layers.items()}
    layers = {stack: tuple(rows[right] for right in orders[stack]) for stack, rows in correspondence.layers.items()}
    moved = {
        space._replace(target_layer=wrong): linear
        for space, linear in correspondence.maps.items()
        for wrong in _places(orders.get(space.stack, ()), space.target_layer)
    }
    return replace(correspondence, layers=layers, maps=moved)


def _order(layers: int) -> tuple[int, ...]:
    """Target layer to the one whose part it gets."""
    if layers <= FEW:
        return tuple((layer + 1) % layers for layer in range(layers))
    return tuple(reversed(range(layers)))


def _places(order: tuple[int, ...], layer: int) -> Iterator[int]:
    """The target layer that gets the part of this one; of a space that is of no layer itself."""
    if 0 <= layer < len(order):
        yield order.index(layer)
    else:
        yield layer
