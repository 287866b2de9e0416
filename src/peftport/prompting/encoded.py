"""A split as a host reads it: token ids of its prompts and indices of its labels; the table ``prompts`` and back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from peftport.storage.parquet import read_table
from peftport.storage.provenance import JsonObject


@dataclass(frozen=True)
class Encoded:
    """A split, ready for a host.

    Attributes:
        prompts: one array of token ids per example, special tokens included.
        labels: index of the right label word per example, shape (examples,).
        words: the label words, in the order of the indices.
        example_ids: identifiers of the examples.
        cut_tokens: tokens of each text that had no room in the prompt, shape (examples,).
    """

    prompts: list[np.ndarray]
    labels: np.ndarray
    words: list[str]
    example_ids: list[str]
    cut_tokens: np.ndarray

    def __len__(self) -> int:
        return len(self.prompts)

    def first(self, number: int) -> "Encoded":
        """The first so many examples, or all if there are fewer."""
        return Encoded(
            self.prompts[:number], self.labels[:number], self.words, self.example_ids[:number], self.cut_tokens[:number]
        )

    def table(self) -> pd.DataFrame:
        """The table ``prompts``."""
        labels = np.asarray(self.words, object)[self.labels]
        return pd.DataFrame(
            {"example_id": self.example_ids, "label": labels, "tokens": self.prompts, "cut_tokens": self.cut_tokens}
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
        words: the label words, in the order that indices of labels are to have.

    Raises:
        DamagedFile: one bit of it is not what was written, or it cannot be read.
        ValueError: it is no such table, or a label is none of the words.
    """
    table = read_table(path, "prompts")
    labels = pd.Index(words).get_indexer(table["label"])
    if (labels < 0).any():
        raise ValueError(f"{path}: label {table['label'][labels.argmin()]!r} is none of {words}")
    return Encoded(
        list(table["tokens"]), labels, list(words), list(table["example_id"]), table["cut_tokens"].to_numpy()
    )
