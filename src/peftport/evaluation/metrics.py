"""Numbers from predictions: arrays in, one number out."""

import numpy as np


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Share of equal entries."""
    return float((labels == predictions).mean())


def macro_f1(labels: np.ndarray, predictions: np.ndarray, classes: int) -> float:
    """Unweighted mean over classes of the F1 score; a class neither present nor predicted counts as 0.

    Args:
        labels: indices of the right classes, shape (examples,).
        predictions: indices of the predicted classes, shape (examples,).
    """
    scores = []
    for index in range(classes):
        hits = int(((labels == index) & (predictions == index)).sum())
        named = int((labels == index).sum()) + int((predictions == index).sum())
        scores.append(2 * hits / named if named else 0.0)
    return float(np.mean(scores))


def choice_log_likelihoods(likelihoods: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log-probability of the right label word among the label words, nats, shape (examples,); -log K is chance.

    Args:
        likelihoods: log-likelihoods of the K label words, finite, shape (examples, words).
        labels: indices of the right words, shape (examples,).
    """
    return likelihoods[range(len(labels)), labels] - np.logaddexp.reduce(likelihoods, axis=1)
