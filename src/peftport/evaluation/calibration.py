"""Offsets of label words that take out a host's liking for some of them, from texts without their labels.

ASSUME labels are equally frequent. A host that answers one word nearly always may still tell the classes apart: its
log-likelihoods are right up to a constant per word. From unlabelled texts these constants are found by prior matching:
with the offsets added, the mean over the texts of the softmax over the label words is uniform,

    mean_i softmax(l_i + b)_k = 1 / K  for every word k.

That is where the convex function  mean_i logsumexp(l_i + b) - mean(b)  is least, so there is exactly one solution up to
a constant, which is chosen so that offsets have mean 0. The idea is that of Zhao et al. (2021, "Calibrate Before Use",
arXiv 2102.09690), who divide by the answer to an input without content, and of Zhou et al. (2024, "Batch
Calibration", arXiv 2309.17249), who subtract the mean over a batch; the formula is ours.
"""

import numpy as np

TOLERANCE, ITERATIONS = 1e-9, 1000
NOISE = 1e-12  # of the value of the function, which ends by no longer falling


def label_offsets(likelihoods: np.ndarray) -> np.ndarray | None:
    """The offset of every label word, nats, shape (words,), with mean 0.

    Damped Newton steps (Levenberg and Marquardt: the damping falls after a step that went down, and rises after one
    that did not), in double precision, until every mean is within 1e-9 of 1 / K.

    Args:
        likelihoods: log-likelihoods of the label words, shape (texts, words).

    Returns:
        The offsets; None if a log-likelihood is no finite number, or no step leads there any more.
    """
    if not (len(likelihoods) and np.isfinite(likelihoods).all()):
        return None
    own = likelihoods.astype(np.float64)
    own = own - own.max(1, keepdims=True)
    words, damping = own.shape[1], 1e-3
    offsets = np.zeros(words)
    value, shares = _state(own, offsets)
    for _ in range(ITERATIONS):
        slope = shares.mean(0) - 1 / words
        if np.abs(slope).max() <= TOLERANCE:
            return offsets - offsets.mean()
        curvature = np.diag(shares.mean(0)) - shares.T @ shares / len(own) + 1 / words  # a constant changes nothing
        step = np.linalg.solve(curvature + damping * np.eye(words), -slope)
        tried, tried_shares = _state(own, offsets + step)
        if tried <= value + NOISE:
            offsets, value, shares, damping = offsets + step, tried, tried_shares, max(damping / 10, 1e-13)
        else:
            damping *= 10
    return None


def _state(likelihoods: np.ndarray, offsets: np.ndarray) -> tuple[float, np.ndarray]:
    """The function that is least where the offsets are right, and the softmax over words, (texts, words)."""
    shifted = likelihoods + offsets
    sums = np.logaddexp.reduce(shifted, axis=1, keepdims=True)
    return float(sums.mean() - offsets.mean()), np.exp(shifted - sums)
