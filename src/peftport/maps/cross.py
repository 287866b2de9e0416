"""Moments of two spaces over the same texts: what methods that look at activations estimate a map from.

``peftport.maps.moments`` computes them with both hosts; here are only arrays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from peftport.maps.correspondence import Space
from peftport.maps.linear import LinearMap


@dataclass(frozen=True)
class Half:
    """What one host computed in a space, over the rows that maps are fitted to.

    Attributes:
        sums: (n,) of its coordinates.
        squares: (n,) of their squares.
        gram: (n, n) sum of x x^T; None where it was not asked for.
        held: (held rows, n) of texts that nothing is fitted to.
    """

    sums: np.ndarray
    squares: np.ndarray
    gram: np.ndarray | None
    held: np.ndarray

    @property
    def norm(self) -> float:
        """Frobenius norm of all rows."""
        return float(np.sqrt(self.squares.sum()))


@dataclass(frozen=True)
class Cross:
    """Moments of a space of both hosts.

    Attributes:
        rows: token states (or means over a word's) that both hosts computed.
        source: the source host's half.
        target: the target host's half.
        product: (n_t, n_s) sum of x_t x_s^T; None of spaces whose size alone is used.
        sums: sum over rows of the product of the sums of both sides' coordinates.
    """

    rows: int
    source: Half
    target: Half
    product: np.ndarray | None
    sums: float

    def correlation(self) -> np.ndarray:
        """(n_t, n_s) Pearson's correlation of every target with every source coordinate; 0 for a constant one."""
        mean = np.outer(self.target.sums, self.source.sums) / self.rows
        size = np.outer(*(_centred(half, self.rows) for half in (self.target, self.source)))
        return np.divide(self.product - mean, size, out=np.zeros_like(size), where=size > 0)


def _centred(half: Half, rows: int) -> np.ndarray:
    """(n,) root of the sum of squares around the mean; 0 where nothing but rounding is left of it."""
    left = half.squares - half.sums**2 / rows
    return np.sqrt(np.where(left > 1e-12 * half.squares, left, 0.0))


class Moments(Protocol):
    """What two hosts compute on the same texts; ``peftport.maps.moments.Gathered`` is one."""

    def similarity(self, stack: str) -> np.ndarray:
        """(layers of the target, layers of the source) linear CKA of what the sub-layers of a stack write."""

    def collect(self, groups: Iterable[Sequence[Space]], grams: bool = False) -> Iterator[Mapping[Space, Cross]]:
        """The moments of each group of spaces, one group after the other, so that only a few are held at a time."""


def residuals(linear: LinearMap, cross: Cross) -> dict[str, float | None]:
    """How far a map is off on rows that it was not fitted to, ``||x_t - M x_s|| / ||x_t||``.

    Returns:
        ``map``; ``shuffled``: the same with the source's rows in another order, so that 1 and more is no knowledge;
        ``identity``: without a map, None where the sizes differ. None without held rows, and where the target is 0.
    """
    x_s, x_t = cross.source.held, cross.target.held
    size = np.linalg.norm(x_t)
    if not size > 0:
        return {"map": None, "shuffled": None, "identity": None}
    mapped = linear.forward(x_s.T).T
    other = np.roll(mapped, len(mapped) // 2, axis=0)
    off = {"map": mapped, "shuffled": other, "identity": x_s if x_s.shape == x_t.shape else None}
    return {name: None if rows is None else float(np.linalg.norm(x_t - rows) / size) for name, rows in off.items()}
