"""Which head of a source attention stands for which of a target attention, and the maps between their coordinates.

Heads are compared by what they compute whatever their inner coordinates are: the circuits ``W_q^T W_k`` and
``W_v^T W_o^T`` (Elhage et al., 2021). These (d, d) matrices are never made: their inner products are those of (c, c)
products, ``<Q1^T K1, Q2^T K2> = sum((Q1 Q2^T) o (K1 K2^T))``, c the width of a head.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from peftport.maps.linear import Blocks, Dense, LinearMap
from peftport.maps.pair import End
from peftport.maps.procrustes import polar
from peftport.maps.spaces import READS, Place

UNUSED = 1e-6  # a direction inside a head with less than this share of its largest weights is none
Between = Callable[[np.ndarray, np.ndarray], np.ndarray]  # rows (c_t, d) and (c_s, d) of two heads to a (c_t, c_s) map


def nearest(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """(c_t, c_s) isometry that brings the rows of a source head nearest to those of a target head."""
    return polar(target @ source.T)


@dataclass(frozen=True)
class Attention:
    """The weights of an attention by its heads, over coordinates of a stream.

    Attributes:
        q: (h, c, d); behind a norm its scale is folded in, as in ``k`` and ``v``.
        k: (key-value heads, c, d).
        v: (key-value heads, c, d).
        o: (h, c, d): what each coordinate of a head's mixed values writes.
    """

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    o: np.ndarray

    @property
    def group(self) -> np.ndarray:
        """(h,) the key-value head that each query head reads."""
        return np.arange(len(self.q)) // (len(self.q) // len(self.k))

    def active(self) -> "Attention":
        """The same without what no partner has a use for: queries that no key has a part in, values that nothing
        writes, and the other way round. Wider heads may hold anything there."""
        q, k, v, o = (_spans(part, len(self.k)) for part in (self.q, self.k, self.v, self.o))
        return Attention(k[self.group] @ self.q, q @ self.k, o @ self.v, v[self.group] @ self.o)

    def through(self, basis: np.ndarray) -> "Attention":
        """The same over the coordinates of another stream, for ``basis`` (d_t, d_s)."""
        return Attention(*(part @ basis.T for part in (self.q, self.k, self.v, self.o)))


def read_attention(end: End, place: Place, folded: bool = True) -> Attention:
    """An attention of a host; ``folded``: with the scale of the norm in front."""
    shape = end.card["shape"]
    heads = {"q": shape["heads"], "k": shape["key_value_heads"], "v": shape["key_value_heads"], "o": shape["heads"]}
    parts = {}
    for kind, count in heads.items():
        weight = end.weight(place, kind)
        if kind == "o":
            weight = weight.T
        elif folded and (gain := end.gain(place, memory=READS[kind] == "memory")) is not None:
            weight = weight * gain
        parts[kind] = weight.reshape(count, -1, weight.shape[1])
    return Attention(**parts)


def likeness(target: Attention, source: Attention) -> np.ndarray:
    """(h_t, h_s) cosines of heads, both circuits as one vector; ``source`` is over the target's coordinates.

    Each circuit is divided by its size over all heads first, so that a scale of the stream changes nothing.
    """
    total = np.zeros((len(target.q), len(source.q)))
    sizes = [np.zeros(len(target.q)), np.zeros(len(source.q))]
    for both, *squares in zip(_circuits(target, source), _squares(target), _squares(source), strict=True):
        scale = [np.sqrt(square.mean()) or 1.0 for square in squares]
        total += both / (scale[0] * scale[1])
        sizes = [size + square / unit**2 for size, square, unit in zip(sizes, squares, scale, strict=True)]
    norms = np.sqrt(np.outer(*sizes))
    return np.divide(total, norms, out=np.zeros_like(total), where=norms > 0)


def assigned(scores: np.ndarray) -> np.ndarray:
    """(n, 2) target and source of the assignment with the largest sum; n is the smaller number of the two."""
    return np.stack(linear_sum_assignment(scores, maximize=True), axis=1)


@dataclass(frozen=True)
class Heads:
    """Matched heads of an attention.

    Attributes:
        target: the target's attention.
        source: the source's, over the target's coordinates.
        pairs: (n, 2) target and source query heads.
    """

    target: Attention
    source: Attention
    pairs: np.ndarray

    def queries(self, between: Between = nearest, factor: float = 1.0) -> LinearMap:
        """The map of queries; ``factor`` is what scores lose where a target head is wider."""
        matrices = [factor * between(self.target.q[t], self.source.q[s]) for t, s in self.pairs]
        return _blocks((len(self.target.q), len(self.source.q)), self.pairs, matrices, _inverses(matrices))

    def shared(self, kind: str, between: Between = nearest) -> LinearMap:
        """The map of keys or values: a target head is the mean of the source heads that its queries' heads read."""
        target, source = (getattr(side, kind) for side in (self.target, self.source))
        counts = Counter((int(self.target.group[t]), int(self.source.group[s])) for t, s in self.pairs)
        pairs, share = np.array(sorted(counts)), np.zeros((len(target), len(source)))
        share[tuple(pairs.T)] = [counts[pair] for pair in sorted(counts)]
        share /= np.maximum(share.sum(axis=1, keepdims=True), 1)
        blocks = [between(target[t], source[s]) for t, s in pairs]
        matrices = [share[t, s] * block for (t, s), block in zip(pairs, blocks, strict=True)]
        if (share > 0).sum(axis=1).max() > 1:
            mixed = _blocks(share.shape, pairs, matrices, _inverses(matrices)).forward(
                np.eye(len(source) * source.shape[1])
            )
            return Dense(mixed, np.linalg.pinv(mixed))
        back = np.linalg.pinv(share)
        inverses = [back[s, t] * block for (t, s), block in zip(pairs, _inverses(blocks), strict=True)]
        return _blocks(share.shape, pairs, matrices, inverses)

    def mixed(self, between: Between = nearest) -> LinearMap:
        """The map of what goes into the output projection: each head has the block of the values that it reads."""
        groups = [(self.target.group[t], self.source.group[s]) for t, s in self.pairs]
        of = {pair: between(self.target.v[pair[0]], self.source.v[pair[1]]) for pair in sorted(set(groups))}
        matrices = [of[pair] for pair in groups]
        return _blocks((len(self.target.q), len(self.source.q)), self.pairs, matrices, _inverses(matrices))


def _spans(part: np.ndarray, groups: int) -> np.ndarray:
    """(groups, c, c) projections onto the coordinates inside heads that the weights of each group have."""
    width = part.shape[1]
    rows = part.reshape(groups, -1, *part.shape[1:]).transpose(0, 2, 1, 3).reshape(groups, width, -1)
    sizes, axes = np.linalg.eigh(rows @ rows.transpose(0, 2, 1))
    axes = axes * (sizes > UNUSED**2 * sizes[:, -1:])[:, None, :]
    return axes @ axes.transpose(0, 2, 1)


def _circuits(first: Attention, second: Attention) -> list[np.ndarray]:
    """(h_1, h_2) inner products of the circuits QK, and of VO, of all heads of two attentions."""
    q, o = (_products(getattr(first, kind), getattr(second, kind)) for kind in ("q", "o"))
    k, v = (_products(getattr(first, kind), getattr(second, kind)) for kind in ("k", "v"))
    found = []
    for wide, narrow in ((q, k), (o, v)):
        pairs = narrow[first.group[:, None], second.group[None, :]]
        found.append(np.einsum("abij,abij->ab", wide, pairs, optimize=True))
    return found


def _squares(attention: Attention) -> list[np.ndarray]:
    """(h,) squared sizes of the circuits QK, and of VO, of each head."""
    q, k, v, o = (part @ part.transpose(0, 2, 1) for part in (attention.q, attention.k, attention.v, attention.o))
    return [(wide * narrow[attention.group]).sum(axis=(1, 2)) for wide, narrow in ((q, k), (o, v))]


def _products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(n_1, n_2, c_1, c_2) products of the rows of each head of one with each head of the other."""
    (n_1, c_1, width), (n_2, c_2, _) = first.shape, second.shape
    flat = first.reshape(-1, width) @ second.reshape(-1, width).T
    return flat.reshape(n_1, c_1, n_2, c_2).transpose(0, 2, 1, 3)


def _blocks(heads: tuple[int, ...], pairs: np.ndarray, matrices: list, inverses: list) -> Blocks:
    return Blocks((heads[0], heads[1]), np.asarray(pairs), np.stack(matrices), np.stack(inverses))


def _inverses(matrices: list[np.ndarray]) -> list[np.ndarray]:
    return [np.linalg.pinv(matrix) for matrix in matrices]
