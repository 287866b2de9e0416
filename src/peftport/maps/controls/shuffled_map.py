"""Modules carried along a map whose source coordinates are shuffled: does it matter which coordinate is which?"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from peftport.maps.correspondence import Correspondence
from peftport.maps.linear import LinearMap
from peftport.porting import ported

RULE = (
    "Carried as `ported`, but with the source coordinates of every linear map shuffled (one order for all spaces of a "
    "size), so that sizes, ranks and layers stay and it is lost which coordinate stands for which."
)
NEEDS = frozenset({"source", "map"})

start = ported.start


@dataclass(frozen=True)
class Shuffled:
    """M Pi, of a map M and a permutation Pi: coordinate i of what M gets is coordinate ``order[i]`` of the source.

    Gains of norms stay with their coordinates, so that orthonormal parts stay orthonormal.

    Attributes:
        linear: M (n_t, n_s).
        order: (n_s,) of integers.
    """

    linear: LinearMap
    order: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(n_t, n_s)."""
        return self.linear.shape

    @cached_property
    def gain(self) -> np.ndarray:
        """(n_s,): what the map divides source coordinates by before it mixes them."""
        gain = getattr(self.linear, "source_gain", None)
        return np.ones(self.shape[1]) if gain is None else gain

    def forward(self, x: np.ndarray) -> np.ndarray:
        """M Pi x, for x of shape (n_s, ...)."""
        gain = self.gain.reshape(-1, *(1,) * (np.ndim(x) - 1))
        return self.linear.forward(gain * (x / gain)[self.order])

    def back(self, a: np.ndarray) -> np.ndarray:
        """a (M Pi)^+, for a of shape (..., n_s)."""
        return self.linear.back((a * self.gain)[..., self.order] / self.gain)

    def squared(self, x: np.ndarray) -> np.ndarray:
        """The same with the entries of M Pi squared."""
        return self.linear.squared(self.gain**2 * (x / self.gain**2)[self.order])


def change(correspondence: Correspondence, rng: np.random.Generator) -> Correspondence:
    """The correspondence with every map M replaced by M Pi."""
    sizes = sorted({linear.shape[1] for linear in correspondence.maps.values()})
    orders = {size: rng.permutation(size) for size in sizes}
    maps = {space: Shuffled(linear, orders[linear.shape[1]]) for space, linear in correspondence.maps.items()}
    return replace(correspondence, maps=maps)
