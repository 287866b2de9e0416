"""Isometries nearest to a matrix of products: orthogonal Procrustes (Schonemann, 1966), made whole where it is open.

The isometry R that makes ``sum ||x_t - R x_s||^2`` least is ``polar(sum x_t x_s^T)``. Where the rows do not span a
space, singular vectors beyond the span are any, and come as the SVD's driver likes: there R is the isometry nearest to
the padded identity, so that it depends on the rows alone.
"""

import numpy as np
from scipy.linalg import svd

DRIVER = "gesdd"  # LAPACK's divide and conquer; ``gesvd`` must give the same maps
SPANNED = 1e-8  # singular values below this share of the largest are rounding


def polar(products: np.ndarray, spanned: float = SPANNED) -> np.ndarray:
    """R (n_t, n_s), orthonormal along its shorter side, nearest to (n_t, n_s) ``products``.

    Directions that neither the products nor the padded identity relate stay without a counterpart: R is zero there.

    Args:
        spanned: share of the largest singular value below which one is rounding.
    """
    left, right = _spanned(products, spanned)
    basis = left @ right.T
    if left.shape[1] < min(products.shape):
        rest = np.eye(*products.shape)
        rest -= left @ (left.T @ rest)
        rest -= (rest @ right) @ right.T
        left, right = _spanned(rest, spanned, largest=1.0)
        basis = basis + left @ right.T
    return basis


def keeping_ones(products: np.ndarray) -> np.ndarray:
    """R as ``polar`` gives it among those that turn the vector of ones into one of equal entries.

    A LayerNorm takes the mean of the coordinates away, so a map between streams before it must keep their direction.
    """
    ones_t, ones_s = (np.full(size, size**-0.5) for size in products.shape)
    sign = 1.0 if ones_t @ products @ ones_s >= 0 else -1.0
    rest = products - np.outer(ones_t, ones_t @ products)
    rest -= np.outer(rest @ ones_s, ones_s)
    size = np.linalg.norm(rest) / np.sqrt(min(products.shape)) or 1.0
    return polar(rest + sign * size * np.outer(ones_t, ones_s))


def turn_of_pairs(target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """(c, c) orthonormal map that turns each rotary pair (i, i + c / 2) by one angle, nearest to ``target`` (c, d) from
    ``source`` (c, d): the only orthonormal maps that rotary positions commute with."""
    half = len(target) // 2
    w_t, w_s = (rows[:half] + 1j * rows[half:] for rows in (target, source))
    products = (w_t * w_s.conj()).sum(axis=1)
    size = np.abs(products)
    unit = np.where(size > 0, products / np.where(size > 0, size, 1.0), 1.0)
    real, imaginary = np.diag(unit.real), np.diag(unit.imag)
    return np.block([[real, -imaginary], [imaginary, real]])


def _spanned(products: np.ndarray, share: float, largest: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Singular vectors (n_t, r) and (n_s, r) of the numerical span, which begins at a share of ``largest``."""
    left, sizes, right = svd(products, full_matrices=False, lapack_driver=DRIVER)
    rank = int((sizes > share * (sizes[0] if largest is None else largest)).sum())
    return left[:, :rank], right[:rank].T
