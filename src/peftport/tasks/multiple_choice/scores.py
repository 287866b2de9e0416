"""Scores of a host on choices: the likeliest one, and the likeliest one per character.

``accuracy`` and ``accuracy_normalised`` are ``acc`` and ``acc_norm`` of lm-evaluation-harness (EleutherAI,
``lm_eval/api/task.py``, ``process_results`` of multiple choice): the choice with the largest sum of the log-likelihoods
of its tokens, and that with the largest sum divided by the number of characters of the choice, without the blank before
it (not of its bytes, which is ``acc_bytes`` there). The first of equals is taken, as there.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from peftport.evaluation.likelihood import answer_log_likelihoods
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings
from peftport.storage.tables import Row

SUMS, PER_CHARACTER = "accuracy", "accuracy_normalised"


def score(
    model: Any, test: Encoded, task: Task, evaluation: EvaluationSettings, texts: Encoded | None
) -> tuple[Row, pd.DataFrame]:
    """The columns of a row of scores that this kind has, and those of its answers."""
    likelihoods, choices = _sums(model, test, task, evaluation), [own.texts for own in test.answers or []]
    right = np.asarray([sums[label] for sums, label in zip(likelihoods, test.labels, strict=True)])
    likeliest = {
        SUMS: np.asarray([int(sums.argmax()) for sums in likelihoods]),
        PER_CHARACTER: np.asarray(
            [int((sums / characters(own)).argmax()) for sums, own in zip(likelihoods, choices, strict=True)]
        ),
    }
    among, metric = log_shares(likelihoods, test.labels), task.scoring["metric"]
    predicted = likeliest[metric]
    correct = predicted == test.labels
    finite = all(np.isfinite(sums).all() for sums in likelihoods)
    shares = {name: float((places == test.labels).mean()) for name, places in likeliest.items()}
    row = shares | {
        "loss": float(-right.mean()) if finite else math.nan,
        "choice_log_likelihood": float(among.mean()),
        "test_examples": len(test),
        "metric": metric,
        "score": shares[metric],
    }
    answers = {
        "example_id": test.example_ids,
        "label": test.right(),
        "prediction": [own[place] for own, place in zip(choices, predicted, strict=True)],
        "correct": correct,
        "log_likelihood": right,
        "choice_log_likelihood": among,
        "score": correct.astype(np.float64),
    }
    return row, pd.DataFrame(answers)


def validate(model: Any, validation: Encoded, task: Task, evaluation: EvaluationSettings) -> float | None:
    """Mean log-probability of the right choices among the choices, nats; None if it is no finite number."""
    mean = float(log_shares(_sums(model, validation, task, evaluation), validation.labels).mean())
    return mean if math.isfinite(mean) else None


def characters(choices: list[str]) -> np.ndarray:
    """The number of characters of each choice, shape (choices,)."""
    return np.asarray([len(choice) for choice in choices], np.float64)


def log_shares(likelihoods: list[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Log-probability of the right choice among the choices of its example, nats, shape (examples,).

    Args:
        likelihoods: of the choices of each example.
        labels: places of the right ones, shape (examples,).
    """
    pairs = zip(likelihoods, labels, strict=True)
    with np.errstate(invalid="ignore"):  # of a failed run
        return np.asarray([sums[label] - np.logaddexp.reduce(sums) for sums, label in pairs])


def _sums(model: Any, data: Encoded, task: Task, evaluation: EvaluationSettings) -> list[np.ndarray]:
    return answer_log_likelihoods(model, data, task, evaluation.batch_size)
