"""Answers of simulated modules whose true accuracies are known, for tests and tables of the statistics.

A test example has a difficulty that all seeds and all modules share, and a seed shifts the accuracy of all its
examples: the two sources of variation that the statistics must tell apart.
"""

import numpy as np
from scipy import optimize
from scipy.special import expit, logit, ndtri

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(61)
SHARED = 0.6  # how much of an answer is the difficulty of its example


def answers_of(
    accuracies: np.ndarray, difficulty: np.ndarray, draw: np.random.Generator, shared: float = SHARED
) -> np.ndarray:
    """Right (1) and wrong (0) answers; shape (seeds, examples).

    Args:
        accuracies: true accuracy of each seed; shape (seeds,).
        difficulty: standard normal; shape (examples,).
        shared: how much of an answer is the difficulty of its example, 0 to 1.
    """
    own = draw.standard_normal((len(accuracies), len(difficulty)))
    latent = shared * difficulty + np.sqrt(1 - shared**2) * own
    return (latent < ndtri(np.clip(accuracies, 0.001, 0.999))[:, None]).astype(float)


def spread_on_logits(accuracy: float, spread: float, seeds: int, draw: np.random.Generator) -> np.ndarray:
    """Accuracies of seeds, normal on the scale of logits around that of ``accuracy``; shape (seeds,)."""
    return expit(logit(accuracy) + spread * draw.standard_normal(seeds))


def mean_on_logits(accuracy: float, spread: float) -> float:
    """The mean of such accuracies over all seeds there could be."""
    values = np.clip(expit(logit(accuracy) + spread * NODES), 0.001, 0.999)
    return float((WEIGHTS * values).sum() / WEIGHTS.sum())


def centre_on_logits(mean: float, spread: float) -> float:
    """The accuracy around which seeds of this spread have this mean."""
    return float(optimize.brentq(lambda centre: mean_on_logits(centre, spread) - mean, 1e-4, 1 - 1e-4))


def spread_in_points(accuracy: float, spread: float, seeds: int, draw: np.random.Generator) -> np.ndarray:
    """Accuracies of seeds, normal around ``accuracy`` and held to .005 to .995; shape (seeds,)."""
    return np.clip(accuracy + spread * draw.standard_normal(seeds), 0.005, 0.995)
