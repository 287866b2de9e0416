"""A completion follows the prompt; the host learns each of the right ones."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from peftport.prompting.encoded import Answers, Encoded

SHOWN = 60  # characters of a completion in a message


def rows(examples: pd.DataFrame, split: str) -> pd.DataFrame:
    """In training one row for each right completion of an example; else the examples as they are."""
    if split != "train":
        return examples
    each = examples.explode("answers", ignore_index=True)
    return each.assign(label=each["answers"], answers=[[text] for text in each["answers"]])


def answers(task: Any, examples: pd.DataFrame) -> list[Answers]:
    """The right completions of each example with their tokens behind the prompt.

    Raises:
        ValueError: one has more tokens than an answer may have.
    """
    encoded = []
    for name, texts in zip(examples["example_id"], examples["answers"], strict=True):
        tokens = task.tokens_of(list(texts), "completion")
        for text, ids in zip(texts, tokens, strict=True):
            if len(ids) + 1 > task.longest_answer:
                raise ValueError(
                    f"example {name}: the completion {text[:SHOWN]!r}... takes {len(ids) + 1} tokens with its end, and "
                    f"generation.max_new_tokens allows {task.longest_answer}"
                )
        encoded.append(Answers(list(texts), [np.asarray(ids, np.int64) for ids in tokens]))
    return encoded


def right(task: Any, examples: pd.DataFrame) -> np.ndarray:
    """The first completion of each example, shape (examples,)."""
    return np.zeros(len(examples), np.int64)


def in_turn(task: Any, data: Encoded) -> Encoded:
    """The examples answered by the completion of the example before."""
    own = data.answers or []
    return replace(data, answers=[*own[-1:], *own[:-1]])
