"""Heads are compared by their circuits and mapped block by block; grouped keys and values have proper left inverses."""

import numpy as np
import pytest

from peftport.maps.heads import Attention, Heads, assigned, likeness, read_attention
from peftport.maps.linear import Dense
from peftport.maps.spaces import Place
from tests.graded import pair_of


def attention(heads=4, narrow=2, width=3, size=10, seed=0):
    rng = np.random.default_rng(seed)
    return Attention(*(rng.standard_normal((count, width, size)) for count in (heads, narrow, narrow, heads)))


def circuits(one, head):
    """The (d, d) matrices of a head, made as they are never made."""
    group = one.group[head]
    return one.q[head].T @ one.k[group], one.v[group].T @ one.o[head]


def test_products_of_circuits_are_those_of_the_large_matrices():
    first, second = attention(), attention(6, 3, 5, seed=1)
    sizes = [
        [np.sqrt(np.mean([(circuits(one, head)[part] ** 2).sum() for head in range(len(one.q))])) for part in (0, 1)]
        for one in (first, second)
    ]
    vectors = [
        [
            np.concatenate([(circuit / size).ravel() for circuit, size in zip(circuits(one, head), scale, strict=True)])
            for head in range(len(one.q))
        ]
        for one, scale in zip((first, second), sizes, strict=True)
    ]
    expected = [[a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in vectors[1]] for a in vectors[0]]
    np.testing.assert_allclose(likeness(first, second), expected, atol=1e-12)


def test_a_head_without_weights_is_like_no_other():
    target = attention()
    for part in (target.q, target.o):
        part[1] = 0
    scores = likeness(target, attention())
    assert (scores[1] == 0).all()
    assert np.isfinite(scores).all()


def inside(one, seed=3):
    """The same attention with orthonormal changes inside its heads, one for each key-value head, and its heads in
    another order that keeps groups together."""
    rng, narrow = np.random.default_rng(seed), len(one.k)
    turns = [[np.linalg.qr(rng.standard_normal((one.k.shape[1],) * 2))[0] for _ in range(narrow)] for _ in range(2)]
    groups = rng.permutation(narrow)
    heads = np.concatenate([np.flatnonzero(one.group == group) for group in groups])
    q, o = (np.stack([turns[n][one.group[h]] @ part[h] for h in heads]) for n, part in enumerate((one.q, one.o)))
    k, v = (np.stack([turns[n][g] @ part[g] for g in groups]) for n, part in enumerate((one.k, one.v)))
    return Attention(q, k, v, o), heads


@pytest.mark.parametrize("narrow", [4, 2, 1])
def test_order_and_inside_of_heads_are_recovered(narrow):
    source = attention(narrow=narrow)
    target, order = inside(source)
    pairs = assigned(likeness(target, source))
    assert pairs[:, 1].tolist() == order.tolist()
    found = Heads(target, source, pairs)
    maps = {"q": found.queries(), "k": found.shared("k"), "v": found.shared("v"), "o": found.mixed()}
    for name, linear in maps.items():
        before, after = (getattr(one, name).reshape(-1, 10) for one in (source, target))
        np.testing.assert_allclose(linear.forward(before), after, atol=1e-12)
        eye = np.eye(len(before))
        np.testing.assert_allclose(linear.back(eye) @ linear.forward(eye), eye, atol=1e-12)


def test_repeated_keys_have_the_mean_for_an_inverse():
    """From two key-value heads for four query heads to four: the transpose would double what is read."""
    source = attention()
    target = Attention(source.q, source.k[source.group], source.v[source.group], source.o)
    linear = Heads(target, source, np.array([(n, n) for n in range(4)])).shared("k")
    keys = np.arange(6.0)
    np.testing.assert_allclose(
        linear.forward(keys), np.concatenate([keys[:3], keys[:3], keys[3:], keys[3:]]), atol=1e-12
    )
    matrix = linear.forward(np.eye(6))
    np.testing.assert_allclose(linear.back(np.eye(6)) @ matrix, np.eye(6), atol=1e-12)
    assert abs(matrix.T @ matrix - np.eye(6)).max() > 0.9


def test_merged_keys_are_means_over_the_group():
    target, wide = attention(), attention(narrow=2)
    source = Attention(wide.q, wide.k[wide.group], wide.v[wide.group], wide.o)
    linear = Heads(target, source, np.array([(n, n) for n in range(4)])).shared("k")
    keys = np.concatenate([np.arange(3.0), np.arange(3.0), np.full(3, 5.0), np.full(3, 5.0)])
    np.testing.assert_allclose(linear.forward(keys), np.concatenate([np.arange(3.0), np.full(3, 5.0)]), atol=1e-12)
    assert isinstance(linear, Dense)
    np.testing.assert_allclose(linear.forward(linear.inverse), np.eye(6), atol=1e-9)


@pytest.mark.parametrize(("more", "fewer"), [(6, 4), (4, 6)])
def test_heads_of_unequal_number_leave_some_without_a_counterpart(more, fewer):
    target, source = attention(more, 2, seed=1), attention(fewer, 2)
    pairs = assigned(likeness(target, source))
    assert len(pairs) == 4
    linear = Heads(target, source, pairs).mixed()
    rows = abs(linear.forward(np.eye(linear.shape[1]))).sum(axis=1).reshape(more, 3)
    assert (rows.sum(axis=1) > 0).sum() == 4


def test_a_scale_of_the_queries_is_undone_where_they_are_read():
    source = attention()
    linear = Heads(source, source, np.array([(n, n) for n in range(4)])).queries(factor=2.0)
    np.testing.assert_allclose(linear.forward(np.eye(12)), 2 * np.eye(12), atol=1e-12)
    np.testing.assert_allclose(linear.back(np.eye(12)), np.eye(12) / 2, atol=1e-12)


def test_heads_of_a_host_are_read_behind_their_norm():
    end, place = pair_of("same", "llama").source, Place("decoder", 1, "self")
    folded, plain = read_attention(end, place), read_attention(end, place, folded=False)
    assert [part.shape for part in (folded.q, folded.k, folded.v, folded.o)] == [(n, 8, 32) for n in (4, 2, 2, 4)]
    np.testing.assert_allclose(folded.k, plain.k * end.gain(place))
    np.testing.assert_array_equal(folded.o, plain.o)
    np.testing.assert_array_equal(plain.o[2], end.weight(place, "o")[:, 16:24].T)


def test_what_writes_to_the_encoders_keys_is_folded_with_the_encoders_norm():
    end, place = pair_of("same", "t5").source, Place("decoder", 1, "cross")
    folded, plain = read_attention(end, place), read_attention(end, place, folded=False)
    np.testing.assert_allclose(folded.v, plain.v * end.gain(place, memory=True))
    np.testing.assert_allclose(folded.q, plain.q * end.gain(place))
