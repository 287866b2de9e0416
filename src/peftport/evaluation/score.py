"""The scores of a host as it is now, with or without a module: one row, and one row per test example.

How a host is scored is the kind's: its module ``scores`` (``peftport.tasks``) has ``score`` and ``validate`` as here.
Every kind gives each test example a score between 0 and 1, more is better, and names what it is; all statistics are
about that.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from peftport.prompting.encoded import Encoded
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings
from peftport.storage.tables import BUDGET, SCORES, SEED, TABLES, Row
from peftport.tasks.table import scores


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
    row, answers = scores(task.kind).score(model, test, task, evaluation, texts)
    absent = TABLES["predictions"].keys() - {*BUDGET, *SEED, *answers}
    return Scored(dict.fromkeys(SCORES) | row, answers.assign(**dict.fromkeys(absent)))


def validate(model: Any, validation: Encoded, task: Task, evaluation: EvaluationSettings) -> float | None:
    """What a choice among learning rates goes by, more is better; None if it is no finite number."""
    model.eval()
    return scores(task.kind).validate(model, validation, task, evaluation)
