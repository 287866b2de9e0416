"""Grades of ``lorasuite``: as published it is no identity between equal hosts; repaired its attentions are exact."""

import numpy as np
import pytest

from peftport.maps.methods.lorasuite import inverse, token_map
from peftport.maps.pair import Pair
from peftport.maps.spaces import Place
from peftport.maps.stream_tokens import products_of
from tests.graded import ATTENTION, fitted, grade, pair_of, step_of

PUBLISHED = {("same", "t5"): 0.5, ("same", "llama"): 0.5, ("rotated", "t5"): 0.5, ("wider_turned", "t5"): 0.5}
REPAIRED = ("same", "permuted", "folded", "rotated", "turned", "padded", "wider_turned", "scaled_stream")


@pytest.mark.parametrize(("name", "kind"), PUBLISHED)
def test_as_published_it_is_no_identity_at_the_identity(name, kind):
    found = fitted("lorasuite", pair_of(name, kind), published=True)
    assert PUBLISHED[name, kind] < grade(step_of(name, kind), found, ATTENTION) < 3


@pytest.mark.parametrize("name", REPAIRED)
@pytest.mark.parametrize("kind", ["t5", "llama"])
def test_repaired_what_attentions_do_arrives(name, kind):
    assert grade(step_of(name, kind), fitted("lorasuite", pair_of(name, kind)), ATTENTION) < 1e-5


def test_feed_forward_is_projected_onto_ranges_of_weights():
    assert 0.2 < grade(step_of("same", "t5"), fitted("lorasuite", pair_of("same", "t5"))) < 1


def test_grouped_heads_are_repaired_too():
    assert grade(step_of("ungrouped", "llama"), fitted("lorasuite", pair_of("ungrouped", "llama")), ATTENTION) < 1e-5


def test_fused_projections_are_carried():
    assert grade(step_of("turned", "gpt2"), fitted("lorasuite", pair_of("turned", "gpt2")), ATTENTION) < 1e-5


def test_formulas_as_published():
    """W_x = pinv(E_s) E_t, and the closed forms of one layer, made from whole matrices (rows as in the public code).
    With noise on the embeddings W_x is no rotation, so that its inverse is not its transpose."""
    pair = pair_of("noise_20_turned", "t5")
    found = fitted("lorasuite", pair, published=True)
    w_x = np.linalg.pinv(pair.source.embedding()) @ pair.target.embedding()
    at, rng = ("encoder", "feed_forward", (1, 1)), np.random.default_rng(0)
    layer = Place("encoder", 1, "feed_forward")
    up_s, up_t = (end.weight(layer, "wi_0") for end in (pair.source, pair.target))
    down_s, down_t = (end.weight(layer, "wo") for end in (pair.source, pair.target))
    b, a = rng.standard_normal((48, 2)), rng.standard_normal((2, 32))
    expected = up_t @ np.linalg.pinv(w_x) @ np.linalg.pinv(up_s) @ b
    np.testing.assert_allclose(found.writing("wi_0", *at).forward(b), expected, atol=1e-6)
    np.testing.assert_allclose(found.reading("wi_0", *at).back(a), a @ w_x, atol=1e-6)
    np.testing.assert_allclose(found.writing("wo", *at).forward(a.T), np.linalg.pinv(w_x) @ a.T, atol=1e-6)
    expected = b.T @ np.linalg.pinv(down_s) @ w_x @ down_t
    np.testing.assert_allclose(found.reading("wo", *at).back(b.T), expected, atol=1e-6)


def test_formulas_of_a_head_as_published():
    pair, layer = pair_of("same", "t5"), Place("encoder", 1, "self")
    found, at = fitted("lorasuite", pair, published=True), ("encoder", "self", (1, 1))
    q, o = (pair.source.weight(layer, kind) for kind in "qo")
    head = slice(8, 16)  # equal hosts: W_x is the identity and each head stands for itself
    delta, a = np.zeros((32, 2)), np.zeros((2, 32))
    delta[head], a[:, head] = 1.0, np.random.default_rng(0).standard_normal((2, 8))
    np.testing.assert_allclose(
        found.writing("q", *at).forward(delta)[head], q[head] @ q[head].T @ delta[head], atol=1e-6
    )
    np.testing.assert_allclose(
        found.reading("o", *at).back(a)[:, head], a[:, head] @ o[:, head].T @ o[:, head], atol=1e-6
    )


def test_inverses_are_moore_penrose():
    tall = np.random.default_rng(0).standard_normal((7, 4))
    np.testing.assert_allclose(inverse(tall), np.linalg.pinv(tall), atol=1e-12)
    np.testing.assert_allclose(inverse(tall.T), np.linalg.pinv(tall.T), atol=1e-12)


def test_the_map_of_tokens_is_least_squares():
    pair = pair_of("noise_20", "t5")
    fitted_, held = products_of(pair, *pair.shared_tokens(), grams=True)
    expected = np.linalg.lstsq(pair.source.embedding(), pair.target.embedding(), rcond=None)[0]
    np.testing.assert_allclose(token_map(fitted_ + held), expected.T, atol=1e-9)


def test_too_few_shared_tokens_are_refused():
    full = pair_of("same", "t5")
    with pytest.raises(ValueError, match="share 31 tokens, 1 too few"):
        fitted("lorasuite", Pair(full.source, full.target, lambda: (np.arange(31), np.arange(31))))
