"""Linear maps from a space of the source host to the same space of the target host, in the forms that methods find.

A map M (n_t, n_s) turns x_s into x_t = M x_s and has a left inverse M^+ (n_s, n_t). A law multiplies what writes a
space by M and what reads it by M^+. All arithmetic is in float64.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

Arrays = dict[str, np.ndarray]


class LinearMap(Protocol):
    """What every form has."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n_t, n_s)."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        """M x, for x of shape (n_s, ...)."""

    def back(self, a: np.ndarray) -> np.ndarray:
        """a M^+, for a of shape (..., n_s)."""

    def squared(self, x: np.ndarray) -> np.ndarray:
        """(M o M) x, the entries squared, for x of shape (n_s,): how a diagonal is carried."""

    def arrays(self) -> Arrays:
        """What a file keeps of it."""

    @classmethod
    def read(cls, arrays: Arrays) -> Self:
        """The map that ``arrays`` was written from."""


@dataclass(frozen=True)
class Isometry:
    """M = scale * diag(target_gain) R diag(1 / source_gain), with R orthonormal along its shorter side.

    Attributes:
        basis: R (n_t, n_s).
        scale: a positive number.
        target_gain: (n_t,), or None for ones.
        source_gain: (n_s,), or None for ones.
    """

    basis: np.ndarray
    scale: float = 1.0
    target_gain: np.ndarray | None = None
    source_gain: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.basis.shape

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.scale * _rows(self.target_gain, self.basis @ _rows(_inverse(self.source_gain), x))

    def back(self, a: np.ndarray) -> np.ndarray:
        return _columns((_columns(a, self.source_gain) @ self.basis.T), _inverse(self.target_gain)) / self.scale

    def squared(self, x: np.ndarray) -> np.ndarray:
        return self.forward(np.eye(self.shape[1])) ** 2 @ x

    def arrays(self) -> Arrays:
        return {"basis": self.basis} | _scaling(self)

    @classmethod
    def read(cls, arrays: Arrays) -> Self:
        return cls(arrays["basis"], *_scaling_of(arrays))


@dataclass(frozen=True)
class Selection:
    """Each target coordinate is one source coordinate or nothing.

    Attributes:
        indices: (n_t,) of integers: the source coordinate, -1 for none. No source coordinate stands twice.
        size: n_s.
    """

    indices: np.ndarray
    size: int

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.indices), self.size

    def forward(self, x: np.ndarray) -> np.ndarray:
        return _rows((self.indices >= 0).astype(float), np.asarray(x, np.float64)[self.indices])

    def back(self, a: np.ndarray) -> np.ndarray:
        return _columns(np.asarray(a, np.float64)[..., self.indices], (self.indices >= 0).astype(float))

    def squared(self, x: np.ndarray) -> np.ndarray:
        return self.forward(x)

    def arrays(self) -> Arrays:
        return {"indices": self.indices.astype(np.int32), "size": np.array([self.size], np.int64)}

    @classmethod
    def read(cls, arrays: Arrays) -> Self:
        return cls(arrays["indices"].astype(np.int64), int(arrays["size"][0]))


@dataclass(frozen=True)
class Blocks:
    """A map between spaces of heads: a few blocks, the rest zero.

    Attributes:
        heads: (target heads, source heads).
        pairs: (n, 2) of integers: target head and source head of each block, none twice.
        matrices: (n, c_t, c_s): blocks of M.
        inverses: (n, c_s, c_t): blocks of M^+ at the same places, turned around.
    """

    heads: tuple[int, int]
    pairs: np.ndarray
    matrices: np.ndarray
    inverses: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.heads[0] * self.matrices.shape[1], self.heads[1] * self.matrices.shape[2]

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self._walked(self.matrices, x)

    def back(self, a: np.ndarray) -> np.ndarray:
        (h_t, h_s), (_, c_t, c_s) = self.heads, self.matrices.shape
        heads, new = a.reshape(*a.shape[:-1], h_s, c_s), np.zeros((*a.shape[:-1], h_t, c_t))
        for (target, source), block in zip(self.pairs, self.inverses, strict=True):
            new[..., target, :] += heads[..., source, :] @ block
        return new.reshape(*a.shape[:-1], h_t * c_t)

    def squared(self, x: np.ndarray) -> np.ndarray:
        return self._walked(self.matrices**2, x)

    def _walked(self, matrices: np.ndarray, x: np.ndarray) -> np.ndarray:
        """A map with these blocks, of x (n_s, ...)."""
        (h_t, h_s), (_, c_t, c_s) = self.heads, self.matrices.shape
        heads, new = x.reshape(h_s, c_s, -1), np.zeros((h_t, c_t, x.size // len(x)))
        for (target, source), block in zip(self.pairs, matrices, strict=True):
            new[target] += block @ heads[source]
        return new.reshape(h_t * c_t, *x.shape[1:])

    def arrays(self) -> Arrays:
        heads, pairs = np.array(self.heads, np.int64), self.pairs.astype(np.int32)
        return {"heads": heads, "pairs": pairs, "matrices": self.matrices, "inverses": self.inverses}

    @classmethod
    def read(cls, arrays: Arrays) -> Self:
        heads = (int(arrays["heads"][0]), int(arrays["heads"][1]))
        return cls(heads, arrays["pairs"].astype(np.int64), arrays["matrices"], arrays["inverses"])


@dataclass(frozen=True)
class Dense:
    """Any map, with the left inverse that goes with it, between spaces that may stand behind norms.

    Attributes:
        matrix: M (n_t, n_s), gains and scale aside.
        inverse: M^+ (n_s, n_t), gains and scale aside.
        scale, target_gain, source_gain: as those of ``Isometry``.
    """

    matrix: np.ndarray
    inverse: np.ndarray
    scale: float = 1.0
    target_gain: np.ndarray | None = None
    source_gain: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.scale * _rows(self.target_gain, self.matrix @ _rows(_inverse(self.source_gain), x))

    def back(self, a: np.ndarray) -> np.ndarray:
        return _columns(_columns(a, self.source_gain) @ self.inverse, _inverse(self.target_gain)) / self.scale

    def squared(self, x: np.ndarray) -> np.ndarray:
        return self.forward(np.eye(self.shape[1])) ** 2 @ x

    def arrays(self) -> Arrays:
        return {"matrix": self.matrix, "inverse": self.inverse} | _scaling(self)

    @classmethod
    def read(cls, arrays: Arrays) -> Self:
        return cls(arrays["matrix"], arrays["inverse"], *_scaling_of(arrays))


@dataclass(frozen=True)
class Factors:
    """A map of low rank, M = scale * diag(target_gain) L R diag(1 / source_gain).

    M^+ is ``scale^-1 diag(source_gain) R^T L^T diag(1 / target_gain)``: on what R keeps it is the inverse where the
    columns of L and the rows of R are orthonormal.

    Attributes:
        left: L (n_t, k).
        right: R (k, n_s).
        scale, target_gain, source_gain: as those of ``Isometry``.
    """

    left: np.ndarray
    right: np.ndarray
    scale: float = 1.0
    target_gain: np.ndarray | None = None
    source_gain: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.left), self.right.shape[1]

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.scale * _rows(self.target_gain, self.left @ (self.right @ _rows(_inverse(self.source_gain), x)))

    def back(self, a: np.ndarray) -> np.ndarray:
        inner = _columns(a, self.source_gain) @ self.right.T
        return _columns(inner @ self.left.T, _inverse(self.target_gain)) / self.scale

    def squared(self, x: np.ndarray) -> np.ndarray:
        return self.forward(np.eye(self.shape[1])) ** 2 @ x

    def arrays(self) -> Arrays:
        return {"left": self.left, "right": self.right} | _scaling(self)

    @classmethod
    def read(cls, arrays: Arrays) -> Self:
        return cls(arrays["left"], arrays["right"], *_scaling_of(arrays))


@dataclass(frozen=True)
class Joined:
    """Maps of spaces that stand one behind the other in one tensor (a fused q, k and v)."""

    parts: Sequence[LinearMap]

    @property
    def shape(self) -> tuple[int, int]:
        sizes = np.sum([part.shape for part in self.parts], axis=0)
        return int(sizes[0]), int(sizes[1])

    def forward(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate([part.forward(piece) for part, piece in zip(self.parts, self._split(x, 0), strict=True)])

    def back(self, a: np.ndarray) -> np.ndarray:
        pieces = zip(self.parts, self._split(a, -1), strict=True)
        return np.concatenate([part.back(piece) for part, piece in pieces], axis=-1)

    def squared(self, x: np.ndarray) -> np.ndarray:
        return np.concatenate([part.squared(piece) for part, piece in zip(self.parts, self._split(x, 0), strict=True)])

    def _split(self, x: np.ndarray, axis: int) -> list[np.ndarray]:
        return np.split(x, np.cumsum([part.shape[1] for part in self.parts])[:-1], axis=axis)


# forms that a file can hold, by the name that its card says
FORMS: Mapping[str, type[LinearMap]] = {
    "isometry": Isometry,
    "selection": Selection,
    "blocks": Blocks,
    "dense": Dense,
    "factors": Factors,
}


def _scaling(linear: "Isometry | Dense | Factors") -> Arrays:
    gains = {"target_gain": linear.target_gain, "source_gain": linear.source_gain}
    return {"scale": np.array([linear.scale])} | {name: gain for name, gain in gains.items() if gain is not None}


def _scaling_of(arrays: Arrays) -> tuple[float, np.ndarray | None, np.ndarray | None]:
    return float(arrays["scale"][0]), arrays.get("target_gain"), arrays.get("source_gain")


def _inverse(gain: np.ndarray | None) -> np.ndarray | None:
    return None if gain is None else 1.0 / gain


def _rows(gain: np.ndarray | None, x: np.ndarray) -> np.ndarray:
    return x if gain is None else gain.reshape(-1, *(1,) * (np.ndim(x) - 1)) * x


def _columns(a: np.ndarray, gain: np.ndarray | None) -> np.ndarray:
    return a if gain is None else a * gain
