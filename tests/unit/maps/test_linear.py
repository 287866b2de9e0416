"""All forms of linear maps against the matrices that they stand for."""

import numpy as np
import pytest

from peftport.maps.linear import FORMS, Blocks, Dense, Isometry, Joined, Selection


def isometry(rng, gains):
    n_s = int(rng.integers(2, 6))
    n_t = n_s + int(rng.integers(0, 3))
    basis = np.linalg.qr(rng.standard_normal((n_t, n_t)))[0][:, :n_s]
    scales = [0.5 + rng.random(n) if gains else None for n in (n_t, n_s)]
    return Isometry(basis, 0.5 + rng.random(), *scales)


def selection(rng):
    n_s, n_t = (int(n) for n in rng.integers(2, 7, 2))
    indices = np.full(n_t, -1)
    count = min(n_s, n_t)
    indices[rng.permutation(n_t)[:count]] = rng.permutation(n_s)[:count]
    return Selection(indices, n_s)


def blocks(rng):
    h_t, h_s, c_t, c_s = (int(n) for n in rng.integers(1, 4, 4))
    every = np.array([(t, s) for t in range(h_t) for s in range(h_s)])
    pairs = every[np.sort(rng.permutation(len(every))[: int(rng.integers(1, len(every) + 1))])]
    return Blocks(
        (h_t, h_s), pairs, rng.standard_normal((len(pairs), c_t, c_s)), rng.standard_normal((len(pairs), c_s, c_t))
    )


def dense(rng):
    n_t, n_s = (int(n) for n in rng.integers(1, 6, 2))
    return Dense(rng.standard_normal((n_t, n_s)), rng.standard_normal((n_s, n_t)))


MAKERS = {
    "isometry": lambda rng: isometry(rng, gains=False),
    "isometry, gains": lambda rng: isometry(rng, gains=True),
    "selection": selection,
    "blocks": blocks,
    "dense": dense,
    "joined": lambda rng: Joined([selection(rng), dense(rng), blocks(rng)]),
}
every_form = pytest.mark.parametrize(("name", "seed"), [(name, seed) for name in MAKERS for seed in range(5)])


def matrices(linear):
    """M and M^+, column by column and row by row."""
    eye = np.eye(linear.shape[1])
    return np.stack([linear.forward(column) for column in eye], 1), np.stack([linear.back(row) for row in eye])


@every_form
def test_a_form_is_one_matrix_and_one_left_inverse(name, seed):
    rng = np.random.default_rng(seed)
    linear = MAKERS[name](rng)
    forward, back = matrices(linear)
    assert forward.shape == linear.shape == back.shape[::-1]
    columns, rows = rng.standard_normal((linear.shape[1], 3)), rng.standard_normal((3, linear.shape[1]))
    np.testing.assert_allclose(linear.forward(columns), forward @ columns, atol=1e-12)
    np.testing.assert_allclose(linear.back(rows), rows @ back, atol=1e-12)
    np.testing.assert_allclose(linear.squared(columns[:, 0]), forward**2 @ columns[:, 0], atol=1e-12)


@every_form
def test_a_form_is_read_as_it_was_written(name, seed):
    linear = MAKERS[name](np.random.default_rng(seed))
    if type(linear) not in FORMS.values():
        return
    again = type(linear).read(linear.arrays())
    for old, new in zip(matrices(linear), matrices(again), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("seed", range(5))
def test_the_inverse_of_an_isometry_is_one(seed):
    """Also with gains and to a wider space; of a selection where every source coordinate is chosen."""
    linear = isometry(np.random.default_rng(seed), gains=True)
    forward, back = matrices(linear)
    np.testing.assert_allclose(back @ forward, np.eye(linear.shape[1]), atol=1e-12)


def test_blocks_by_hand():
    linear = Blocks((2, 1), np.array([[1, 0]]), np.array([[[1.0, 2.0]]]), np.array([[[3.0], [4.0]]]))
    np.testing.assert_array_equal(linear.forward(np.array([1.0, 10.0])), [0.0, 21.0])
    np.testing.assert_array_equal(linear.back(np.array([1.0, 10.0])), [0.0, 43.0])


def test_selection_by_hand():
    linear = Selection(np.array([1, -1, 0]), 2)
    np.testing.assert_array_equal(linear.forward(np.array([5.0, 7.0])), [7.0, 0.0, 5.0])
    np.testing.assert_array_equal(linear.back(np.array([5.0, 7.0])), [7.0, 0.0, 5.0])
