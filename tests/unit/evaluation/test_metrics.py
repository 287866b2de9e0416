import numpy as np
import pytest

from peftport.evaluation.metrics import accuracy, macro_f1

LABELS, PREDICTIONS = np.asarray([0, 0, 0, 1, 1, 2]), np.asarray([0, 0, 1, 1, 2, 2])


def test_accuracy_by_hand():
    assert accuracy(LABELS, PREDICTIONS) == pytest.approx(4 / 6)
    assert (accuracy(LABELS, LABELS), accuracy(LABELS, LABELS + 1)) == (1, 0)


def test_macro_f1_by_hand():
    """Class 0: precision 1, recall 2/3; class 1: 1/2 and 1/2; class 2: 1/2 and 1."""
    assert macro_f1(LABELS, PREDICTIONS, 3) == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)


def test_macro_f1_counts_every_class_alike():
    labels, predictions = np.asarray([0] * 9 + [1]), np.zeros(10, int)
    assert accuracy(labels, predictions) == 0.9
    assert macro_f1(labels, predictions, 2) == pytest.approx((18 / 19 + 0) / 2)


def test_a_class_that_nobody_names_counts_as_nought():
    assert macro_f1(np.asarray([0, 1]), np.asarray([0, 1]), 3) == pytest.approx(2 / 3)


def test_it_is_sklearns_where_every_class_is_there():
    from sklearn.metrics import f1_score

    random = np.random.default_rng(0)
    labels, predictions = random.integers(0, 4, (2, 200))
    assert macro_f1(labels, predictions, 4) == pytest.approx(f1_score(labels, predictions, average="macro"))
