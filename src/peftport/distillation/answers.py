"""A teacher's answers: the table ``teacher_answers``, and texts with the answers that a student is taught."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from peftport.prompting.encoded import Encoded

SPLITS = ("train", "validation")  # of the target dataset, whose texts the teacher answers


@dataclass(frozen=True)
class Taught:
    """Texts as a student reads them, with a teacher's answers.

    Attributes:
        texts: the prompts; their labels are not read.
        log_probabilities: of every label word among the label words, nats, shape (texts, words).
    """

    texts: Encoded
    log_probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


def answer_rows(seed: int, split: str, texts: Encoded, log_probabilities: np.ndarray) -> pd.DataFrame:
    """Rows of the table ``teacher_answers``: text by text, and for each text word by word.

    Args:
        log_probabilities: shape (texts, words).
    """
    return pd.DataFrame(
        {
            "seed": seed,
            "split": split,
            "example_id": np.repeat(np.asarray(texts.example_ids, object), len(texts.words)),
            "word": texts.words * len(texts),
            "log_probability": log_probabilities.ravel(),
        }
    )


def taught(answers: pd.DataFrame, seed: int, split: str, texts: Encoded) -> Taught:
    """The texts that a teacher has answered, the first ones of a split, with its answers.

    Args:
        answers: the table ``teacher_answers``.
        seed: that of the teacher.
        texts: the split as the student's host reads it.

    Raises:
        ValueError: the teacher has answered other texts, or with other words.
    """
    rows = answers[(answers["seed"] == seed) & (answers["split"] == split)]
    texts = texts.first(len(rows) // len(texts.words))
    expected = answer_rows(seed, split, texts, rows["log_probability"].to_numpy())
    columns = ["example_id", "word"]
    if not len(texts) or rows[columns].to_numpy().tolist() != expected[columns].to_numpy().tolist():
        raise ValueError(
            f"the teacher of seed {seed} has answered other texts of the split {split!r}, or with other words; "
            f"expected {len(texts)} texts, each with {', '.join(texts.words)}"
        )
    return Taught(texts, rows["log_probability"].to_numpy(np.float64).reshape(len(texts), -1))
