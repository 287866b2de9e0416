"""Rows of scores from log-likelihoods that are given: the choice among the label words, and calibrated answers."""

import numpy as np
import pandas as pd
import pytest

from peftport.evaluation.metrics import choice_log_likelihoods
from peftport.evaluation.score import score, validate
from peftport.settings import EvaluationSettings
from peftport.tasks.labels import scores as scoring
from tests import encoded
from tests import ground as stages
from tests.ground import NAMES, modules

SETTINGS = EvaluationSettings(batch_size=4, generate=False)


class Host:
    """A host in name only."""

    def eval(self):
        pass


def perfect(data, liking=(0.0, 0.0), seed=0):
    """Log-likelihoods of a host that tells the labels apart, by 2 to 6 nats, with a liking for some words."""
    random = np.random.default_rng(seed)
    likelihoods = np.full((len(data), 2), -9.0)
    likelihoods[range(len(data)), data.labels] += random.uniform(2, 6, len(data))
    return likelihoods + random.normal(0, 3, (len(data), 1)) + liking


def scored(monkeypatch, test, texts, liking):
    given = {id(test): perfect(test, liking), id(texts): perfect(texts, liking, 1)}
    monkeypatch.setattr(scoring, "log_likelihoods", lambda model, data, task, size: given[id(data)])
    return score(Host(), test, encoded.TASK, SETTINGS, texts)


@pytest.mark.parametrize("liking", [(0.0, 0.0), (15.0, 0.0), (0.0, 15.0)])
def test_a_liking_for_a_word_costs_accuracy_and_no_calibrated_accuracy(monkeypatch, liking):
    test, texts = encoded.examples(100, seed=3), encoded.examples(60, seed=4)
    tested = scored(monkeypatch, test, texts, liking)
    row, answers = tested.row, tested.answers
    share = (test.labels == np.argmax(liking)).mean()
    assert row["accuracy"] == (share if any(liking) else 1.0)
    assert row["calibrated_accuracy"] == 1.0 and answers["calibrated_correct"].all()


def test_labels_of_the_texts_are_not_read(monkeypatch):
    test, texts = encoded.examples(30, seed=3), encoded.examples(40, seed=4)
    row = scored(monkeypatch, test, texts, (15.0, 0.0)).row
    given = {id(test): perfect(test, (15.0, 0.0)), id(texts): perfect(texts, (15.0, 0.0), 1)}
    monkeypatch.setattr(scoring, "log_likelihoods", lambda model, data, task, size: given[id(data)])
    texts.labels[:] = -1
    assert score(Host(), test, encoded.TASK, SETTINGS, texts).row == row


@pytest.mark.parametrize("words", [2, 5])
def test_the_choice_among_the_words_by_hand(words):
    """The logarithm of the softmax; chance where all words are alike, whatever they have in common."""
    random = np.random.default_rng(0)
    likelihoods, labels = random.normal(0, 3, (20, words)), random.integers(0, words, 20)
    shares = np.exp(likelihoods) / np.exp(likelihoods).sum(1, keepdims=True)
    np.testing.assert_allclose(choice_log_likelihoods(likelihoods, labels), np.log(shares[range(20), labels]))
    moved = choice_log_likelihoods(likelihoods + random.normal(0, 50, (20, 1)), labels)
    np.testing.assert_allclose(moved, choice_log_likelihoods(likelihoods, labels), atol=1e-12)
    alike = choice_log_likelihoods(np.full((20, words), -700.0), labels)
    np.testing.assert_allclose(alike, -np.log(words))


def test_validation_is_the_mean_choice_of_a_test(monkeypatch):
    data = encoded.examples(20)
    likelihoods = perfect(data, (4.0, 0.0))
    monkeypatch.setattr(scoring, "log_likelihoods", lambda *_: likelihoods)
    tested = score(Host(), data, encoded.TASK, SETTINGS)
    row, answers = tested.row, tested.answers
    assert validate(Host(), data, encoded.TASK, SETTINGS) == row["choice_log_likelihood"]
    assert row["choice_log_likelihood"] == pytest.approx(answers["choice_log_likelihood"].mean())
    likelihoods[0, 0] = np.nan
    assert validate(Host(), data, encoded.TASK, SETTINGS) is None


def test_a_likelihood_that_is_no_number_is_a_failed_run(monkeypatch):
    test, texts = encoded.examples(10, seed=3), encoded.examples(10, seed=4)
    given = {id(test): perfect(test), id(texts): perfect(texts)}
    monkeypatch.setattr(scoring, "log_likelihoods", lambda model, data, task, size: given[id(data)])
    given[id(texts)][0, 0] = np.nan
    tested = score(Host(), test, encoded.TASK, SETTINGS, texts)
    row, answers = tested.row, tested.answers
    assert np.isfinite(row["loss"]) and row["calibrated_accuracy"] is None
    assert answers["calibrated_correct"].isna().all()
    given[id(test)][0, 0] = np.nan
    assert np.isnan(score(Host(), test, encoded.TASK, SETTINGS, texts).row["loss"])


@pytest.mark.parametrize("kind", ["ported", "native", "bare"])
def test_every_test_is_calibrated_and_the_switch_turns_it_off(ground, kind):
    """And moves nothing else."""
    starts = {0: None} if kind == "bare" else modules(ground, "instruct" if kind == "native" else "raw")
    budgets, cell = [0, 3] if kind == "ported" else [0], NAMES | {"initialisation": kind}
    options = {} if kind == "ported" else {"technique": {}}
    on, off = (stages.evaluate(ground, "instruct", starts, budgets, cell, texts=n, **options) for n in (20, 0))
    assert (
        on["scores"]["calibrated_accuracy"].between(0, 1).all()
        and on["predictions"]["calibrated_correct"].notna().all()
    )
    means = on["predictions"].groupby(["seed", "budget_steps"])[["calibrated_correct", "choice_log_likelihood"]].mean()
    keyed = on["scores"].set_index(["seed", "budget_steps"])
    np.testing.assert_allclose(means["calibrated_correct"].astype(float), keyed["calibrated_accuracy"])
    np.testing.assert_allclose(means["choice_log_likelihood"], keyed["choice_log_likelihood"])
    for name, column in (("scores", "calibrated_accuracy"), ("predictions", "calibrated_correct")):
        assert off[name][column].isna().all()
        pd.testing.assert_frame_equal(on[name].drop(columns=column), off[name].drop(columns=column), check_exact=True)
    rates = {"ported": [None, 0.02] * 2, "native": [0.02] * 2, "bare": [None]}[kind]
    assert [None if np.isnan(rate) else rate for rate in on["scores"]["learning_rate"]] == rates
