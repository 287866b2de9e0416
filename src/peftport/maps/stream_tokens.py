"""The map between two residual streams that the embeddings of shared tokens tell."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np

from peftport.maps.linear import Isometry
from peftport.maps.pair import BLOCK, Pair
from peftport.maps.procrustes import keeping_ones, polar
from peftport.maps.tokens import too_few
from peftport.storage.provenance import JsonObject

HELD = 5  # of so many shared tokens one is held out, to say how far the map of the others is off

Blocks = Iterator[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Products:
    """Sums over rows of two tables, x_t of the target and x_s of the source.

    Attributes:
        cross: (d_t, d_s) of x_t x_s^T.
        target: sum of ||x_t||^2.
        source: sum of ||x_s||^2.
        gram: (d_s, d_s) of x_s x_s^T; None where it was not asked for.
        shuffled: (d_t, d_s) of x_t x_s'^T with x_s' the row of the next token; None of rows that a map is fitted to.
    """

    cross: np.ndarray
    target: float
    source: float
    gram: np.ndarray | None = None
    shuffled: np.ndarray | None = None

    def __add__(self, other: "Products") -> "Products":
        pairs = [(getattr(self, part.name), getattr(other, part.name)) for part in fields(self)]
        return Products(*(None if first is None or second is None else first + second for first, second in pairs))

    def off(self, matrix: np.ndarray, cross: np.ndarray) -> float:
        """||x_t - M x_s|| / ||x_t|| over all rows, for M and products of x_t with these x_s."""
        mapped = np.sum((matrix @ self.gram) * matrix)
        square = self.target - 2 * np.sum(matrix * cross) + mapped
        return float(np.sqrt(max(square, 0.0) / self.target)) if self.target > 0 else 0.0


@dataclass(frozen=True)
class Found:
    """The map of the streams.

    Attributes:
        embedding: map of the embeddings' space; its ``basis`` is R of the streams, its scale theirs alone.
        facts: for the map's card.
    """

    embedding: Isometry
    facts: JsonObject

    @property
    def basis(self) -> np.ndarray:
        """R (d_t, d_s)."""
        return self.embedding.basis


def from_tokens(pair: Pair) -> Found:
    """R is the polar part of the products of the shared tokens' embeddings (orthogonal Procrustes).

    Raises:
        ValueError: the vocabularies share too few tokens.
    """
    source_ids, target_ids = pair.shared_tokens()
    if (reason := too_few(len(target_ids), pair.source.card, pair.target.card)) is not None:
        raise ValueError(reason)
    nearest = keeping_ones if pair.target.family.stream.centred else polar
    fitted, held = products_of(pair, source_ids, target_ids)
    alone, both = turned(fitted.cross, fitted.source, nearest), fitted + held
    found = turned(both.cross, both.source, nearest)
    same = both.cross.shape[0] == both.cross.shape[1]
    matrix = alone.scale * alone.basis
    off = {"map": held.off(matrix, held.cross), "shuffled": held.off(matrix, held.shuffled)}
    off["identity"] = held.off(np.eye(len(matrix)), held.cross) if same else None
    facts = {
        "shared_tokens": len(target_ids),
        "residuals": {"embedding": off},
        "distance_from_identity": _distance(found.basis, np.eye(len(found.basis))) if same else None,
        "distance_from_the_head": _from_the_head(pair, found.basis, source_ids, target_ids, nearest),
    }
    return Found(found, facts)


def cross_of(pair: Pair, source_ids: np.ndarray, target_ids: np.ndarray, names: tuple[str, str]) -> Blocks:
    """Rows of a table of the target and of one of the source, for as many tokens at a time as ``BLOCK`` says."""
    order = np.argsort(target_ids, kind="stable")
    source_ids, target_ids = source_ids[order], target_ids[order]
    rising = bool((np.diff(source_ids) >= 0).all())  # else each block of the target needs rows from all over the source
    of_source = None if rising else pair.source.rows(names[0], source_ids)
    for first in range(0, len(target_ids), BLOCK):
        there = slice(first, first + BLOCK)
        x_s = pair.source.rows(names[0], source_ids[there]) if of_source is None else of_source[there]
        yield pair.target.rows(names[1], target_ids[there]).astype(np.float64), x_s.astype(np.float64)


def products_of(
    pair: Pair, source_ids: np.ndarray, target_ids: np.ndarray, grams: bool = False
) -> tuple[Products, Products]:
    """Products of the embeddings of tokens that the map is fitted to, and of those that are held out.

    Args:
        grams: whether the first have a ``gram`` too. Procrustes has no use for it.
    """
    names = (pair.source.embedding_name, pair.target.embedding_name)
    sums: list[Products | None] = [None, None]
    for x_t, x_s in cross_of(pair, source_ids, target_ids, names):
        held = np.arange(len(x_t)) % HELD == HELD - 1
        for part, rows in enumerate((~held, held)):
            t, s = x_t[rows], x_s[rows]
            gram = s.T @ s if part or grams else None
            shuffled = t.T @ np.roll(s, 1, axis=0) if part else None
            sum_ = Products(t.T @ s, float((t**2).sum()), float((s**2).sum()), gram, shuffled)
            sums[part] = sum_ if sums[part] is None else sums[part] + sum_
    return sums[0], sums[1]


def turned(cross: np.ndarray, source: float, nearest: Callable[[np.ndarray], np.ndarray] = polar) -> Isometry:
    """R, and the scale with which it is nearest to the rows.

    Args:
        cross: (d_t, d_s) sum of x_t x_s^T.
        source: sum of ||x_s||^2.
        nearest: gives R of ``cross``.
    """
    basis = nearest(cross)
    scale = float(np.sum(basis * cross)) / source if source > 0 else 1.0
    return Isometry(basis, scale if scale > 0 else 1.0)


def _from_the_head(pair, basis, source_ids, target_ids, nearest) -> float | None:
    """How far R is from what two output layers of their own tell of the stream behind the last layer."""
    names = (pair.source.head_name, pair.target.head_name)
    if None in names:
        return None
    g_s, g_t = pair.source.final_gain(), pair.target.final_gain()
    cross = sum((w_t * g_t).T @ (w_s * g_s) for w_t, w_s in cross_of(pair, source_ids, target_ids, names))
    return _distance(basis, nearest(cross))


def _distance(basis: np.ndarray, other: np.ndarray) -> float:
    """||R - R'|| / sqrt(d), d the narrower stream: 0 for equals, 1.41 for any two."""
    return float(np.linalg.norm(basis - other) / np.sqrt(min(basis.shape)))
