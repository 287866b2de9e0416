"""Offsets of label words against their definition, and what they must not depend on."""

import numpy as np
import pytest

from peftport.evaluation.calibration import label_offsets


def mean_shares(likelihoods, offsets):
    shifted = likelihoods + offsets
    return np.exp(shifted - np.logaddexp.reduce(shifted, axis=1, keepdims=True)).mean(0)


@pytest.mark.parametrize("words", [2, 3, 7])
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("seed", range(4))
def test_under_the_offsets_the_mean_answer_is_uniform(words, scale, seed):
    random = np.random.default_rng(seed)
    likelihoods = scale * random.normal(size=(37, words)) + random.normal(0, 20, words)
    offsets = label_offsets(likelihoods)
    np.testing.assert_allclose(mean_shares(likelihoods, offsets), 1 / words, atol=1.1e-9, rtol=0)
    assert offsets.mean() == pytest.approx(0, abs=1e-9 * max(1, abs(offsets).max()))


def test_one_text_is_made_undecided():
    np.testing.assert_allclose(label_offsets(np.asarray([[-1.0, -4.0]])), [-1.5, 1.5], atol=1e-8)


def test_two_words_by_bisection():
    """The offset between two words is where the mean of the logistic function of the differences is a half."""
    likelihoods = np.random.default_rng(0).normal((7, 0), 3, (50, 2))
    low, high = -100.0, 100.0
    for _ in range(200):
        middle = (low + high) / 2
        mean = (1 / (1 + np.exp(-(likelihoods[:, 0] - likelihoods[:, 1] + middle)))).mean()
        low, high = (low, middle) if mean > 0.5 else (middle, high)
    first, second = label_offsets(likelihoods)
    assert first - second == pytest.approx(low, abs=1e-7)


def test_a_constant_of_a_text_does_not_matter():
    random = np.random.default_rng(1)
    likelihoods = random.normal(0, 2, (40, 3))
    shifted = likelihoods + random.normal(0, 50, (40, 1))
    np.testing.assert_allclose(label_offsets(shifted), label_offsets(likelihoods), atol=1e-7)


def test_a_constant_of_a_word_is_taken_out():
    likelihoods, liking = np.random.default_rng(2).normal(0, 2, (40, 3)), np.asarray([5.0, -3.0, -2.0])
    np.testing.assert_allclose(label_offsets(likelihoods + liking), label_offsets(likelihoods) - liking, atol=1e-7)


def test_words_in_another_order_have_their_offsets():
    likelihoods, order = np.random.default_rng(3).normal(0, 2, (40, 4)), [2, 0, 3, 1]
    np.testing.assert_allclose(label_offsets(likelihoods[:, order]), label_offsets(likelihoods)[order], atol=1e-7)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_without_finite_numbers_there_are_none(value):
    assert label_offsets(np.asarray([[0.0, value], [0.0, 1.0]])) is None


def test_without_texts_there_are_none():
    assert label_offsets(np.empty((0, 2))) is None
