"""Scores of a host by lm-evaluation-harness, in this process, on the host as it is with its module.

lm-eval asks and scores; each document's value of the metric is its score. Log-likelihoods of the right answers are
computed here, so that a failed run shows and learning rates can be chosen whatever the task measures.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from peftport.data.lm_eval_tasks import ID
from peftport.data.settings import LmEvalSource
from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings
from peftport.storage.provenance import JsonObject
from peftport.storage.tables import Row
from peftport.tasks.generation.scores import likelihoods_of_the_first, validate
from peftport.tasks.lm_eval.harness import samples_of

__all__ = ["score", "validate"]


def score(
    model: Any, test: Encoded, task: Task, evaluation: EvaluationSettings, texts: Encoded | None
) -> tuple[Row, pd.DataFrame]:
    """The columns of a row of scores that this kind has, and those of its answers.

    Raises:
        ValueError: the metric gives something else than a number from 0 to 1 for a document.
    """
    source = LmEvalSource.model_validate(task.scoring["source"])
    likelihoods = likelihoods_of_the_first(model, test, task, evaluation)
    finite = bool(np.isfinite(likelihoods).all())
    row: Row = {"loss": float(-likelihoods.mean()) if finite else math.nan, "test_examples": len(test)}
    row |= {"metric": task.scoring["metric"], "score": math.nan}
    samples = samples_of(model, task, source, test.example_ids, evaluation.batch_size) if finite else {}
    values = np.asarray([_value(samples[name], source) if finite else math.nan for name in test.example_ids])
    predictions = [_prediction(samples[name]) if finite else "" for name in test.example_ids]
    answers = {
        "example_id": test.example_ids,
        "label": [text.strip() for text in test.right()],
        "prediction": predictions,
        "correct": values == 1,
        "log_likelihood": likelihoods,
        "score": values,
    }
    return row | {"score": float(values.mean())}, pd.DataFrame(answers)


def _value(sample: JsonObject, source: LmEvalSource) -> float:
    value = sample[source.metric]
    if isinstance(value, bool | int | float | np.number) and 0 <= float(value) <= 1:
        return float(value)
    raise ValueError(
        f"source.lm_eval.metric: `{source.metric}` of the task `{source.task}` is {str(value)[:60]!r} for the document "
        f"{sample['doc_hash'][:ID]}; expected a number from 0 to 1 for each document: take another metric"
    )


def _prediction(sample: JsonObject) -> str:
    """What a host has answered: the likeliest choice, or what it wrote."""
    answers = sample["filtered_resps"]
    if isinstance(answers[0], str):
        return answers[0]
    likeliest = int(np.argmax([float(likelihood) for likelihood, _ in answers]))
    return str(sample["arguments"][likeliest][1]).strip()
