"""From examples to batches: prompts become token ids, and batches of like length are drawn in a seeded order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from peftport.data.prompts import render

POOL_BATCHES = 16


@dataclass(frozen=True)
class Encoded:
    """A split, ready for a host.

    Attributes:
        prompts: one array of token ids per example, with the end-of-sequence token.
        labels: index of the right label word per example, shape (examples,).
        words: the label words, in the order of the indices.
        example_ids: identifiers of the examples.
    """

    prompts: list[np.ndarray]
    labels: np.ndarray
    words: list[str]
    example_ids: list[str]

    def __len__(self) -> int:
        return len(self.prompts)


def encode(examples: pd.DataFrame, template: str, words: list[str], tokenizer, max_tokens: int) -> Encoded:
    """Tokenise a split.

    Args:
        examples: the table ``examples``.
        template: a prompt with ``{text}`` in it.
        words: the label words.
        tokenizer: the host's tokenizer.
        max_tokens: longer prompts are cut to this many tokens.
    """
    prompts = [render(template, text) for text in examples["text"]]
    ids = tokenizer(prompts, truncation=True, max_length=max_tokens)["input_ids"]
    index = {word: place for place, word in enumerate(words)}
    return Encoded(
        [np.asarray(row, np.int64) for row in ids],
        np.asarray([index[label] for label in examples["label"]], np.int64),
        list(words),
        list(examples["example_id"]),
    )


def pad(rows: list[np.ndarray], value: int) -> np.ndarray:
    """Rows of unequal length as one (rows, longest) array, filled up on the right."""
    padded = np.full((len(rows), max(map(len, rows))), value, np.int64)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded


def training_order(lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Indices of one batch after the other, without end: epochs are shuffled, batches hold examples of like length.

    An epoch leaves out the examples that fill no whole batch, others each time.
    The order does not depend on how many batches are drawn, so a shorter training sees the first batches of a longer.

    Args:
        lengths: tokens per example, shape (examples,).
    """
    examples, pool = len(lengths), batch_size * POOL_BATCHES
    batch_size = min(batch_size, examples)
    while True:
        order = rng.permutation(examples)[: examples - examples % batch_size]  # sorted first, the longest would go
        for begin in range(0, examples, pool):
            near = order[begin : begin + pool]
            near = near[np.argsort(lengths[near], kind="stable")]
            whole_batches = [near[at : at + batch_size] for at in range(0, len(near) - batch_size + 1, batch_size)]
            for index in rng.permutation(len(whole_batches)):
                yield whole_batches[index]


def test_order(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Indices of batches that cover every example once, longest first (so that a lack of memory shows at once)."""
    order = np.argsort(-lengths, kind="stable")
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
