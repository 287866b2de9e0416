"""Choices are put to a host as what may follow the prompt; it learns the right one as a completion."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from peftport.prompting.encoded import Answers, Encoded


def rows(examples: pd.DataFrame, split: str) -> pd.DataFrame:
    """The examples as they are."""
    return examples


def answers(task: Any, examples: pd.DataFrame) -> list[Answers]:
    """The choices of each example with their tokens behind the prompt.

    Raises:
        ValueError: the tokenizer writes two choices of an example alike, or cannot write one.
    """
    encoded = []
    for name, choices in zip(examples["example_id"], examples["answers"], strict=True):
        tokens = task.tokens_of(list(choices), "choice")
        if len(different := {tuple(ids) for ids in tokens}) < len(tokens) or () in different:
            raise ValueError(
                f"example {name}: the tokenizer cannot tell the choices {', '.join(map(repr, choices))} apart"
            )
        encoded.append(Answers(list(choices), [np.asarray(ids, np.int64) for ids in tokens]))
    return encoded


def right(task: Any, examples: pd.DataFrame) -> np.ndarray:
    """The place of the right choice among those of its example, shape (examples,)."""
    pairs = zip(examples["answers"], examples["label"], strict=True)
    return np.asarray([list(choices).index(label) for choices, label in pairs], np.int64)


def in_turn(task: Any, data: Encoded) -> Encoded:
    """The examples answered by their first choice, their second choice, and so on."""
    places = [number % len(own.texts) for number, own in enumerate(data.answers or [])]
    return replace(data, labels=np.asarray(places, np.int64))
