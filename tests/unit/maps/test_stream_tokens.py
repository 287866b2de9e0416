"""The map of two streams that shared tokens tell, and what the card says of it."""

import numpy as np
import pytest

from peftport.maps import stream_tokens
from peftport.maps.pair import Pair
from peftport.maps.procrustes import polar
from peftport.maps.stream_tokens import from_tokens
from tests.graded import pair_of
from tests.ladder import rung

TURNED = [("rotated", "t5"), ("rotated", "llama"), ("rotated", "gpt2"), ("rotated", "bert_plain"), ("permuted", "bert")]
TURNED += [("wider", "llama"), ("padded", "t5"), ("doubled", "gpt2"), ("doubled", "bert"), ("negated", "gpt2")]


@pytest.mark.parametrize(("name", "kind"), TURNED)
def test_the_basis_is_the_one_that_the_host_was_made_with(name, kind):
    found, truth = from_tokens(pair_of(name, kind)), rung(name, kind).truth.embedding()
    np.testing.assert_allclose(found.basis, truth.basis, atol=1e-6)
    assert found.embedding.scale == pytest.approx(truth.scale, abs=1e-6)
    assert found.facts["residuals"]["embedding"]["map"] < 1e-5
    assert found.facts["residuals"]["embedding"]["shuffled"] > 1


def test_the_scale_of_a_stream_is_that_of_its_embeddings():
    assert from_tokens(pair_of("scaled_stream", "t5")).embedding.scale == pytest.approx(3, abs=1e-6)


def test_tokens_in_another_order_and_missing_ones_change_little():
    truth = rung("replaced", "t5").truth.embedding().basis
    for name in ("renumbered", "replaced"):
        found = from_tokens(pair_of(name, "t5"))
        np.testing.assert_allclose(found.basis, truth, atol=1e-6)
    assert found.facts["shared_tokens"] == 96


def test_the_card_says_how_far_the_map_is_off_on_tokens_that_it_was_not_fitted_to(monkeypatch):
    """Against the same figures made from whole tables."""
    pair = pair_of("noise_20", "t5")
    x_s, x_t = pair.source.embedding(), pair.target.embedding()
    held = np.arange(120) % 5 == 4
    basis = polar(x_t[~held].T @ x_s[~held])
    scale = (basis * (x_t[~held].T @ x_s[~held])).sum() / (x_s[~held] ** 2).sum()
    off = lambda rows: np.linalg.norm(x_t[held] - rows) / np.linalg.norm(x_t[held])  # noqa: E731
    found = from_tokens(pair).facts
    expected = {"map": off(scale * x_s[held] @ basis.T), "identity": off(x_s[held])}
    expected["shuffled"] = off(scale * np.roll(x_s[held], 1, axis=0) @ basis.T)
    assert found["residuals"]["embedding"] == pytest.approx(expected)
    assert 0.15 < expected["map"] < 0.35
    monkeypatch.setattr(stream_tokens, "BLOCK", 35)  # a multiple of five, so that the same tokens are held out
    again = from_tokens(pair).facts["residuals"]["embedding"]
    assert again["map"] == pytest.approx(expected["map"])


def test_equal_hosts_have_no_distance_and_turned_ones_do():
    same, turned = (from_tokens(pair_of(name, "llama")).facts for name in ("same", "rotated"))
    assert same["distance_from_identity"] < 1e-9
    assert 1 < turned["distance_from_identity"] < 2
    assert from_tokens(pair_of("padded", "t5")).facts["distance_from_identity"] is None


def test_output_layers_of_their_own_tell_the_same_stream():
    exact, noisy = (from_tokens(pair_of(name, "llama")).facts for name in ("all", "noise_20"))
    assert exact["distance_from_the_head"] < 1e-5
    assert 0.05 < noisy["distance_from_the_head"] < 0.5
    assert from_tokens(pair_of("rotated", "bert_plain")).facts["distance_from_the_head"] is None


def test_too_few_shared_tokens_are_refused():
    pair = pair_of("same", "t5")
    few = Pair(pair.source, pair.target, lambda: (np.arange(31), np.arange(31)))
    with pytest.raises(ValueError, match="share 31 tokens, 1 too few"):
        from_tokens(few)


@pytest.mark.parametrize(("kind", "kept"), [("gpt2", True), ("bert_plain", True), ("t5", False)])
def test_where_norms_take_the_mean_away_its_direction_is_kept(kind, kept):
    """Also where noise on the embeddings would tell another one."""
    turned = from_tokens(pair_of("noise_20", kind)).basis @ np.ones(32)
    assert (np.ptp(turned) < 1e-9) == kept
