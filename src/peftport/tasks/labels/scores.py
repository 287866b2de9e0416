"""Scores of a host on label words: the likeliest word, how likely the right one is among them, what it writes."""

import math
from typing import Any

import numpy as np
import pandas as pd

from peftport.evaluation.calibration import label_offsets
from peftport.evaluation.generation import generate_answers
from peftport.evaluation.likelihood import log_likelihoods
from peftport.evaluation.metrics import accuracy, choice_log_likelihoods, macro_f1
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.prompting.template import normalise_answer
from peftport.settings import EvaluationSettings
from peftport.storage.tables import Row


def score(
    model: Any, test: Encoded, task: Task, evaluation: EvaluationSettings, texts: Encoded | None = None
) -> tuple[Row, pd.DataFrame]:
    """The columns of a row of scores that this kind has, and those of its answers."""
    likelihoods = log_likelihoods(model, test, task, evaluation.batch_size)
    predicted, right = likelihoods.argmax(1), likelihoods[range(len(test)), test.labels]
    finite = bool(np.isfinite(likelihoods).all())
    choice = choice_log_likelihoods(likelihoods, test.labels) if finite else np.full(len(test), math.nan)
    calibrated = _calibrated(model, likelihoods, test, task, evaluation, texts) if finite else None
    row: Row = {
        "accuracy": accuracy(test.labels, predicted),
        "macro_f1": macro_f1(test.labels, predicted, len(task.words)),
        "loss": float(-right.mean()) if finite else math.nan,
        "choice_log_likelihood": float(choice.mean()),
        "calibrated_accuracy": None if calibrated is None else float(calibrated.mean()),
        "test_examples": len(test),
        "metric": "accuracy",
        "score": accuracy(test.labels, predicted),
    }
    answers = pd.DataFrame(
        {
            "example_id": test.example_ids,
            "label": [task.words[index] for index in test.labels],
            "prediction": [task.words[index] for index in predicted],
            "correct": predicted == test.labels,
            "log_likelihood": right,
            "choice_log_likelihood": choice,
            "calibrated_correct": calibrated,
            "generated": None,
            "score": (predicted == test.labels).astype(np.float64),
        }
    )
    if evaluation.generate:
        row |= _generated(model, test, task, evaluation, answers)
    return row, answers


def validate(model: Any, validation: Encoded, task: Task, evaluation: EvaluationSettings) -> float | None:
    """Mean choice log-likelihood of the right label words, nats; None if it is no finite number."""
    likelihoods = log_likelihoods(model, validation, task, evaluation.batch_size)
    if not np.isfinite(likelihoods).all():
        return None
    return float(choice_log_likelihoods(likelihoods, validation.labels).mean())


def _calibrated(
    model: Any,
    likelihoods: np.ndarray,
    test: Encoded,
    task: Task,
    evaluation: EvaluationSettings,
    texts: Encoded | None,
) -> np.ndarray | None:
    """Whether the prediction under calibrated offsets is right, per test example; None where there are no offsets."""
    if texts is None:
        return None
    offsets = label_offsets(log_likelihoods(model, texts, task, evaluation.batch_size))
    return None if offsets is None else (likelihoods + offsets).argmax(1) == test.labels


def _generated(
    model: Any, test: Encoded, task: Task, evaluation: EvaluationSettings, answers: pd.DataFrame
) -> dict[str, float]:
    """Scores of what the host writes freely, which is put into ``answers``."""
    answers["generated"] = generate_answers(model, test, task, evaluation.batch_size)
    valid = [normalise_answer(word) for word in task.words]
    right_words = pd.Series([valid[index] for index in test.labels])
    return {
        "generated_accuracy": float((answers["generated"] == right_words).mean()),
        "invalid_rate": float((~answers["generated"].isin(valid)).mean()),
    }
