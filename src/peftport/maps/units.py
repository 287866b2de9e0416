"""Which inner unit of a source feed-forward sub-layer stands for which of the target's.

Behind a non-linearity that acts on each unit by itself, an order of the units is all that can differ between hosts that
compute the same (Ainsworth et al., Git Re-Basin, 2023). Units are compared by all weights into them and out of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

LARGEST = 8192  # units up to which the best assignment is sought; it takes time with the third power of their number


@dataclass(frozen=True)
class Likeness:
    """How alike units are.

    Attributes:
        scores: (f_t, f_s) cosines, float32: many rows are large and decide alone which unit is whose.
        sizes: for each projection, (f_t,) and (f_s,) norms of what each unit has in it.
    """

    scores: np.ndarray
    sizes: list[tuple[np.ndarray, np.ndarray]]


def likeness(parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> Likeness:
    """Compare units by all their weights; each projection counts alike, so that a scale of the stream changes nothing.

    Args:
        parts: for each projection, (f_t, d) weights of the target's units, the scale of a norm folded in, and (f_s, d)
            of the source's, over the target's coordinates. They are taken one after the other.
    """
    scores, squares, sizes = None, [np.zeros(1), np.zeros(1)], []
    for sides in parts:
        sizes.append(tuple(np.linalg.norm(side, axis=1) for side in sides))
        whole = [np.linalg.norm(size) or 1.0 for size in sizes[-1]]
        squares = [total + (size / unit) ** 2 for total, size, unit in zip(squares, sizes[-1], whole, strict=True)]
        first, second = ((side / unit).astype(np.float32) for side, unit in zip(sides, whole, strict=True))
        if scores is None:
            scores = first @ second.T
        else:
            scores += first @ second.T  # in place: they are the largest arrays of a map
    for axis, total in enumerate(squares):
        scores /= np.expand_dims(np.sqrt(np.where(total > 0, total, 1.0)), 1 - axis)
    return Likeness(scores, sizes)


def assigned(scores: np.ndarray, largest: int = LARGEST) -> tuple[np.ndarray, bool]:
    """(f_t,) the source unit of each target unit, -1 for none; and whether no other sum of cosines is larger.

    Where there are more than ``largest`` units, those that are each other's nearest are matched, then the rest.
    """
    indices = np.full(scores.shape[0], -1, np.int64)
    best = max(scores.shape) <= largest
    # negated and widened here once, for SciPy would hold both copies
    target, source = linear_sum_assignment(np.negative(scores, dtype=np.float64)) if best else mutual(scores)
    indices[target] = source
    return indices, best


def mutual(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns that are each other's largest, then those of the rest, until one side is used up."""
    rows, columns = np.arange(scores.shape[0]), np.arange(scores.shape[1])
    found: list[tuple[np.ndarray, np.ndarray]] = []
    while len(rows) and len(columns):
        of_rows, of_columns = scores.argmax(axis=1), scores.argmax(axis=0)
        pairs = np.flatnonzero(of_columns[of_rows] == np.arange(len(rows)))
        found.append((rows[pairs], columns[of_rows[pairs]]))
        left = np.ones(len(rows), bool), np.ones(len(columns), bool)
        left[0][pairs], left[1][of_rows[pairs]] = False, False
        rows, columns, scores = rows[left[0]], columns[left[1]], scores[np.ix_(*left)]
    return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])
