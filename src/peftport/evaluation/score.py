"""The scores of a host as it is now, with or without a module: one row, and one row per test example."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from peftport.evaluation.calibration import label_offsets
from peftport.evaluation.generation import generate_answers
from peftport.evaluation.likelihood import log_likelihoods
from peftport.evaluation.metrics import accuracy, choice_log_likelihoods, macro_f1
from peftport.injection.merge import NotMergeable, mergeable, merged
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.prompting.template import normalise_answer
from peftport.settings import EvaluationSettings
from peftport.storage.tables import Row

MERGED = ("merged_accuracy", "merged_changed", "merged_difference")  # of the module in the host's weights


@dataclass(frozen=True)
class Scored:
    """The scores of a host as it is now.

    Attributes:
        row: a row of scores. The loss is NaN where any likelihood is no finite number: then nothing in the row counts.
        answers: one row per test example.
    """

    row: Row
    answers: pd.DataFrame


def score(
    model: Any, test: Encoded, task: Task, evaluation: EvaluationSettings, texts: Encoded | None = None
) -> Scored:
    """Score the host on the test split.

    Args:
        evaluation: the section of the config.
        texts: what the answers are calibrated on, whose labels are not read; None: they are not calibrated.
    """
    model.eval()  # peft's LoRA layers come with their dropout on
    likelihoods = log_likelihoods(model, test, task, evaluation.batch_size)
    predicted, right = likeliest(likelihoods), likelihoods[range(len(test)), test.labels]
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
        "generated_accuracy": None,
        "invalid_rate": None,
        **dict.fromkeys(MERGED),
        "failed_at_step": None,
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
        }
    )
    if evaluation.generate:
        row |= _generated(model, test, task, evaluation, answers)
    if evaluation.merged and finite and mergeable(model):
        row |= _merged(model, test, task, evaluation, likelihoods)
    return Scored(row, answers)


def likeliest(likelihoods: np.ndarray) -> np.ndarray:
    """The likeliest label of each example, shape (examples,); all in turn where no example tells any two apart.

    That is what a host answers whose classification head is not there.
    """
    if len(likelihoods) and (likelihoods == likelihoods[:, :1]).all():
        return np.arange(len(likelihoods)) % likelihoods.shape[1]
    return likelihoods.argmax(1)


def validate(model: Any, validation: Encoded, task: Task, evaluation: EvaluationSettings) -> float | None:
    """Mean choice log-likelihood of the right label words, nats; None if it is no finite number."""
    model.eval()
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
    return None if offsets is None else likeliest(likelihoods + offsets) == test.labels


def _merged(
    model: Any, test: Encoded, task: Task, evaluation: EvaluationSettings, attached: np.ndarray
) -> dict[str, float]:
    """Scores of the host with the module in its weights, against the log-likelihoods with the module attached."""
    try:
        with merged(model):
            likelihoods = log_likelihoods(model, test, task, evaluation.batch_size)
    except NotMergeable as error:
        print(f"not tested merged: {error}", flush=True)
        return {}
    predicted, difference = likelihoods.argmax(1), np.abs(likelihoods - attached).max()
    values = accuracy(test.labels, predicted), (predicted != attached.argmax(1)).mean(), difference
    return dict(zip(MERGED, map(float, values), strict=True))


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
