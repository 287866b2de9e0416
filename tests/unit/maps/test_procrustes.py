"""Isometries nearest to products, and that nothing of them is up to LAPACK."""

import numpy as np
import pytest

from peftport.maps import procrustes
from peftport.maps.procrustes import keeping_ones, polar, turn_of_pairs

DRIVERS = ("gesdd", "gesvd")


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def rotation(size, seed=1):
    return np.linalg.qr(normal(size, size, seed=seed))[0]


@pytest.mark.parametrize(("n_t", "n_s"), [(6, 6), (9, 6), (6, 9)])
def test_a_rotation_is_recovered_and_is_orthonormal_along_its_shorter_side(n_t, n_s):
    truth = rotation(max(n_t, n_s))[:n_t, :n_s]
    rows = normal(50, n_s)
    basis = polar(truth @ rows.T @ rows) if n_t >= n_s else polar(rotation(n_s)[:n_t] @ rows.T @ rows)
    small = basis.T @ basis if n_t >= n_s else basis @ basis.T
    np.testing.assert_allclose(small, np.eye(min(n_t, n_s)), atol=1e-12)
    if n_t >= n_s:
        np.testing.assert_allclose(basis, truth, atol=1e-12)


@pytest.mark.parametrize("driver", DRIVERS)
def test_beyond_the_span_it_is_the_identity(driver, monkeypatch):
    """Rows that span half of the coordinates: of two equal hosts the map is the identity whatever the driver does."""
    monkeypatch.setattr(procrustes, "DRIVER", driver)
    rows = normal(40, 3) @ normal(3, 8, seed=2)
    np.testing.assert_allclose(polar(rows.T @ rows), np.eye(8), atol=1e-9)
    np.testing.assert_allclose(polar(np.zeros((5, 3))), np.eye(5, 3), atol=1e-12)


def test_beyond_the_span_drivers_agree_on_what_no_identity_says(monkeypatch):
    rows, basis = normal(40, 4) @ normal(4, 8, seed=2), rotation(8)
    found = []
    for driver in DRIVERS:
        monkeypatch.setattr(procrustes, "DRIVER", driver)
        found.append(polar((rows @ basis.T).T @ rows))
    np.testing.assert_allclose(found[0], found[1], atol=1e-9)
    np.testing.assert_allclose(rows @ found[0].T, rows @ basis.T, atol=1e-9)
    np.testing.assert_allclose(found[0] @ found[0].T, np.eye(8), atol=1e-9)


def test_directions_that_nothing_relates_stay_empty():
    products = np.zeros((2, 2))
    products[0, 1] = 1.0  # leaves (1 of the target) and (0 of the source), between which the identity says nothing
    np.testing.assert_allclose(polar(products), products, atol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("n_t", [6, 12])
def test_the_direction_of_means_is_kept(sign, n_t):
    rows = normal(50, 6) + 0.3
    noisy = sign * np.concatenate([rows, rows], axis=1)[:, :n_t] + 0.5 * normal(50, n_t, seed=3)
    basis = keeping_ones(noisy.T @ rows)
    np.testing.assert_allclose(basis @ np.ones(6), sign * np.sqrt(6 / n_t) * np.ones(n_t), atol=1e-12)
    np.testing.assert_allclose(basis.T @ basis, np.eye(6), atol=1e-12)
    assert np.ptp(polar(noisy.T @ rows) @ np.ones(6)) > 0.1


def test_pairs_of_a_rotary_head_turn_by_the_angle_they_were_turned_by():
    angles = np.array([0.3, -2.0, 1.1])
    turn = np.block(
        [[np.diag(np.cos(angles)), -np.diag(np.sin(angles))], [np.diag(np.sin(angles)), np.diag(np.cos(angles))]]
    )
    rows = normal(6, 20)
    np.testing.assert_allclose(turn_of_pairs(turn @ rows, rows), turn, atol=1e-12)
    off = turn_of_pairs(rotation(6) @ rows, rows)
    np.testing.assert_allclose(off.T @ off, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(turn_of_pairs(0 * rows, rows), np.eye(6))
