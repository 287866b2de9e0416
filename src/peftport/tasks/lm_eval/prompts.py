"""The right answer of a document follows its text, as lm-evaluation-harness puts the two together.

Tokens are those that ``HFLM`` makes. In training every right answer of a document is taught.
"""

from typing import Any

import numpy as np
import pandas as pd

from peftport.prompting.encoded import Answers
from peftport.prompting.lm_types.table import lm_type
from peftport.tasks.generation.prompts import in_turn, right, rows

__all__ = ["answers", "in_turn", "right", "rows"]


def answers(task: Any, examples: pd.DataFrame) -> list[Answers]:
    """The right answers of each example with their tokens behind the text.

    Raises:
        ValueError: an answer has no tokens of its own.
    """
    encoded, behind = [], lm_type(task.lm_type).answers_behind
    for name, text, targets in zip(examples["example_id"], examples["text"], examples["answers"], strict=True):
        tokens = behind(task.tokenizer, text, list(targets))
        if not all(tokens):
            raise ValueError(f"document {name}: the tokenizer cannot write the answers {list(targets)}")
        encoded.append(Answers(list(targets), [np.asarray(ids, np.int64) for ids in tokens]))
    return encoded
