"""Scores of a host on what it writes: how near it is to a right completion, and how often it is no answer."""

import math
from typing import Any

import numpy as np
import pandas as pd

from peftport.evaluation.generation import write_texts
from peftport.evaluation.likelihood import answer_log_likelihoods
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings
from peftport.storage.tables import Row
from peftport.tasks.generation.metrics import METRICS, best


def score(
    model: Any, test: Encoded, task: Task, evaluation: EvaluationSettings, texts: Encoded | None
) -> tuple[Row, pd.DataFrame]:
    """The columns of a row of scores that this kind has, and those of its answers.

    An answer is invalid if it is empty, or has not come to an end within its tokens; it is scored all the same.
    """
    likelihoods = likelihoods_of_the_first(model, test, task, evaluation)
    written = write_texts(model, test, task, evaluation.batch_size, task.scoring["stop"])
    right, metric = [own.texts for own in test.answers or []], task.scoring["metric"]
    values = {
        name: np.asarray([best(name, one.text, several) for one, several in zip(written, right, strict=True)])
        for name in METRICS
    }
    invalid = np.asarray([not one.text.strip() or not one.ended for one in written])
    finite, means = bool(np.isfinite(likelihoods).all()), {name: float(own.mean()) for name, own in values.items()}
    row = means | {
        "loss": float(-likelihoods.mean()) if finite else math.nan,
        "invalid_rate": float(invalid.mean()),
        "test_examples": len(test),
        "metric": metric,
        "score": means[metric],
    }
    answers = {
        "example_id": test.example_ids,
        "label": test.right(),
        "prediction": [one.text for one in written],
        "correct": values["exact_match"] == 1,
        "log_likelihood": likelihoods,
        "generated": [one.text for one in written],
        "score": values[metric],
    }
    return row, pd.DataFrame(answers)


def validate(model: Any, validation: Encoded, task: Task, evaluation: EvaluationSettings) -> float | None:
    """Mean log-likelihood of the first completions, nats; None if it is no finite number."""
    mean = float(likelihoods_of_the_first(model, validation, task, evaluation).mean())
    return mean if math.isfinite(mean) else None


def likelihoods_of_the_first(model: Any, data: Encoded, task: Task, evaluation: EvaluationSettings) -> np.ndarray:
    """Log-likelihood of the first completion of each example, nats, shape (examples,)."""
    return np.concatenate(answer_log_likelihoods(model, data, task, evaluation.batch_size, right_only=True))
