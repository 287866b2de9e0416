"""A split as a host reads it: token ids of its prompts and indices of its labels; the table ``prompts`` and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from peftport.storage.parquet import read_table
from peftport.storage.provenance import JsonObject


@dataclass(frozen=True)
class Answers:
    """The answers of one example: its choices, or completions each of which is right.

    Attributes:
        texts: the answers.
        tokens: token ids of each where the template puts the answer, without special tokens.
    """

    texts: list[str]
    tokens: list[np.ndarray]

    @classmethod
    def read(cls, texts: np.ndarray, tokens: np.ndarray) -> "Answers":
        """From a row of the table ``prompts``."""
        return cls(list(texts), [np.asarray(ids, np.int64) for ids in tokens])


@dataclass(frozen=True)
class Encoded:
    """A split, ready for a host.

    Attributes:
        prompts: one array of token ids per example, special tokens included.
        labels: index of the right label word per example, shape (examples,).
        words: the label words, in the order of the indices.
        example_ids: identifiers of the examples.
        cut_tokens: tokens of each text that had no room in the prompt, shape (examples,).
        answers: where answers are an example's own, its answers; ``labels`` are then places in these. Else None, and
            ``labels`` are places in ``words``.
    """

    prompts: list[np.ndarray]
    labels: np.ndarray
    words: list[str]
    example_ids: list[str]
    cut_tokens: np.ndarray
    answers: list[Answers] | None = None

    def __len__(self) -> int:
        return len(self.prompts)

    def first(self, number: int) -> "Encoded":
        """The first so many examples, or all if there are fewer."""
        return Encoded(
            self.prompts[:number],
            self.labels[:number],
            self.words,
            self.example_ids[:number],
            self.cut_tokens[:number],
            None if self.answers is None else self.answers[:number],
        )

    def right(self) -> list[str]:
        """The right answer of each example, the first of several."""
        if self.answers is None:
            return [self.words[index] for index in self.labels]
        return [own.texts[index] for own, index in zip(self.answers, self.labels, strict=True)]

    def table(self) -> pd.DataFrame:
        """The table ``prompts``."""
        own = [None] * len(self) if self.answers is None else self.answers
        return pd.DataFrame(
            {
                "example_id": self.example_ids,
                "label": self.right(),
                "tokens": self.prompts,
                "cut_tokens": self.cut_tokens,
                "answers": [answers and answers.texts for answers in own],
                "answer_tokens": [answers and answers.tokens for answers in own],
            }
        )

    def lengths(self, longest: int) -> JsonObject:
        """Facts on the lengths of the prompts, for the file's metadata.

        Args:
            longest: tokens that a prompt may have.
        """
        return {
            "prompts": len(self),
            "longest_prompt": max(map(len, self.prompts)),
            "longest_allowed": longest,
            "cut": int((self.cut_tokens > 0).sum()),
            "cut_tokens": int(self.cut_tokens.sum()),
        }


def read_encoded(path: str | Path, words: list[str]) -> Encoded:
    """Read a table ``prompts``.

    Args:
        words: the label words, in the order that indices of labels are to have; none where answers are an example's
            own.

    Raises:
        DamagedFile: one bit of it is not what was written, or it cannot be read.
        ValueError: it is no such table, or a label is none of the words.
    """
    table = read_table(path, "prompts")
    shared = [list(table["tokens"]), list(words), list(table["example_id"]), table["cut_tokens"].to_numpy()]
    if not words and table["answers"].notna().all():
        answers = list(map(Answers.read, table["answers"], table["answer_tokens"]))
        places = [own.texts.index(label) for own, label in zip(answers, table["label"], strict=True)]
        return Encoded(shared[0], np.asarray(places, np.int64), *shared[1:], answers)
    labels = pd.Index(words).get_indexer(table["label"])
    if (labels < 0).any():
        raise ValueError(f"{path}: label {table['label'][labels.argmin()]!r} is none of {words}")
    return Encoded(shared[0], labels, *shared[1:])
