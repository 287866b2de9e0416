"""A change of a host's coordinates as a recipe asks for it, drawn at random."""

import numpy as np

from peftport.host_building.coordinates import INNER, ORDER_OF_HEADS, Change, Shape, places
from peftport.hosts.recipe_settings import CoordinateSettings
from peftport.hosts.rewritable import ROTATION
from peftport.hosts.sites import Family
from peftport.maps.linear import LinearMap, Selection
from peftport.maps.spaces import Place

Inner = dict[tuple[Place, str], LinearMap]


def drawn_change(kind: Family, shape: Shape, coordinates: CoordinateSettings, rng: np.random.Generator) -> Change:
    """A change of what ``coordinates`` names, and of nothing else.

    Args:
        kind: the host's family.
        shape: the host's.
    """
    size = shape["d_model"]
    basis, gain = np.eye(size), lambda gain: gain
    if coordinates.stream == ROTATION:
        basis, gain = rotation(size, rng, fixes_ones=kind.stream.centred), np.ones_like
    elif coordinates.stream is not None:
        order = rng.permutation(size)
        basis, gain = basis[order], lambda gain: gain[order]
    inner: Inner = {}
    if coordinates.heads is not None:
        inner |= _heads(kind, shape, rng)
    if coordinates.units is not None:
        inner |= _units(kind, shape, rng)
    return Change(basis, gain=gain, inner=inner)


def rotation(size: int, rng: np.random.Generator, fixes_ones: bool = False) -> np.ndarray:
    """A random rotation (size, size); or one that leaves the vector of ones as it is, and with it every mean."""
    if not fixes_ones:
        return np.linalg.qr(rng.standard_normal((size, size)))[0]
    basis = np.linalg.qr(np.column_stack([np.ones(size), rng.standard_normal((size, size - 1))]))[0]
    turn = np.eye(size)
    turn[1:, 1:] = rotation(size - 1, rng)
    return basis @ turn @ basis.T


def _heads(kind: Family, shape: Shape, rng: np.random.Generator) -> Inner:
    """Another order of key-value heads in every attention, and of the query heads that read the same one."""
    groups, width, inner, orders = shape["key_value_heads"], shape["d_kv"], {}, {}
    times = shape["heads"] // groups
    for place in (place for place in places(kind, shape) if place.sublayer not in INNER):
        # one order for all self-attentions of a stack where its first layer holds the positions of all
        shared = kind.stream.bias_in_first and place.sublayer == "self"
        key = place.stack if shared else place
        if key not in orders:
            narrow = rng.permutation(groups)
            orders[key] = narrow, np.concatenate([head * times + rng.permutation(times) for head in narrow])
        narrow, wide = orders[key]
        inner |= dict.fromkeys(((place, "k"), (place, "v")), _coordinates(narrow, width))
        inner |= dict.fromkeys(((place, "q"), (place, "mix")), _coordinates(wide, width))
        if shared and place.layer == 0:
            inner[place, ORDER_OF_HEADS] = Selection(narrow, groups)
    return inner


def _coordinates(heads: np.ndarray, width: int) -> Selection:
    """The order of the coordinates of heads in this order."""
    return Selection((heads[:, None] * width + np.arange(width)).reshape(-1), len(heads) * width)


def _units(kind: Family, shape: Shape, rng: np.random.Generator) -> Inner:
    """Another order of units in every feed-forward sub-layer."""
    size, inner = shape["d_ff"], {}
    for place in places(kind, shape):
        for name in INNER.get(place.sublayer, ()):
            inner[place, name] = Selection(rng.permutation(size), size)
    return inner
