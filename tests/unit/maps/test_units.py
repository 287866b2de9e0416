"""Units are matched by all their weights."""

import numpy as np
import pytest

from peftport.maps.units import assigned, likeness, mutual


def parts(size=30, width=8, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((size, width)) for _ in range(3)]


def test_an_order_is_recovered_whatever_the_scale_of_a_projection():
    source, order = parts(), np.random.default_rng(1).permutation(30)
    target = [factor * part[order] for factor, part in zip((1.0, 50.0, 0.01), source, strict=True)]
    found = likeness(zip(target, source, strict=True))
    indices, best = assigned(found.scores)
    assert indices.tolist() == order.tolist()
    assert best
    np.testing.assert_allclose(found.scores[np.arange(30), order], 1.0, atol=1e-5)
    np.testing.assert_allclose(found.sizes[1][0], 50 * np.linalg.norm(source[1], axis=1)[order])


def test_every_projection_counts():
    """Units that agree in what they read are told apart by what they write."""
    source = parts()
    source[0][:] = source[0][0]
    source[1][:] = source[1][0]
    order = np.random.default_rng(1).permutation(30)
    target = [part[order] for part in source]
    assert assigned(likeness(zip(target, source, strict=True)).scores)[0].tolist() == order.tolist()


@pytest.mark.parametrize(("n_t", "n_s"), [(30, 20), (20, 30)])
def test_of_unequal_numbers_the_smaller_is_used_up(n_t, n_s):
    whole = parts()
    found = likeness((part[:n_t], part[:n_s]) for part in whole)
    for largest in (100, 5):
        indices = assigned(found.scores, largest)[0]
        assert indices[: min(n_t, n_s)].tolist() == list(range(min(n_t, n_s)))
        assert (indices[min(n_t, n_s) :] == -1).all()


def test_a_unit_without_weights_is_like_no_other():
    whole = parts()
    for part in whole:
        part[3] = 0
    scores = likeness(zip(whole, whole, strict=True)).scores
    assert (scores[3] == 0).all()
    assert np.isfinite(scores).all()


def test_above_a_size_nearest_ones_are_matched_and_it_is_said():
    scores = np.array([[0.9, 0.8], [0.85, 0.1]])
    assert [side.tolist() for side in assigned(scores)[:1]] == [[1, 0]]
    indices, best = assigned(scores, largest=1)
    assert indices.tolist() == [0, 1]
    assert not best


def test_mutually_nearest_ones_use_up_one_side():
    scores = np.random.default_rng(0).random((40, 25))
    rows, columns = mutual(scores.copy())
    assert sorted(columns) == list(range(25))
    assert len(set(rows)) == 25
    assert scores[rows, columns].mean() > 0.8
