"""Scores of single test examples as matrices of seeds x examples, found by the key of a run."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from peftport.storage.tables import CELL

KEY = [*CELL, "budget_steps"]
ANY = "any"

Key = tuple[str, str, str, str, str, str, str, int]


@dataclass(frozen=True)
class Answers:
    """The answers of one cell at one budget.

    Attributes:
        seeds: the seeds, ascending; shape (seeds,).
        values: the score of each example, between 0 and 1 by default (of a right answer 1, of a wrong one 0); (seeds,
            examples).
    """

    seeds: np.ndarray
    values: np.ndarray


class ExampleScores:
    """Every prediction of a study, one matrix per cell and budget.

    Args:
        predictions: one row per run and test example: the columns of a cell, ``budget_steps``, ``seed``,
            ``example_id``, and the score.
        score: the column that is the score, ``score`` or ``choice_log_likelihood``.

    Raises:
        ValueError: an example was predicted twice in a run, or the runs of a target dataset were not tested on the
            same examples; the message names the run.
    """

    def __init__(self, predictions: pd.DataFrame, score: str = "score") -> None:
        self.score = score
        self._answers: dict[Key, Answers] = {}
        for _, frame in predictions.groupby("target_dataset", sort=False, observed=True):
            self._add(frame)

    def _add(self, frame: pd.DataFrame) -> None:
        """Take in all runs of one target dataset."""
        run, runs = _codes(frame[[*KEY, "seed"]])
        example, examples = pd.factorize(frame["example_id"], sort=True)
        counts = np.zeros((len(runs), len(examples)), dtype=np.int32)
        np.add.at(counts, (run, example), 1)
        if (counts != 1).any():
            bad = runs.iloc[int(np.argmax((counts != 1).any(axis=1)))].to_dict()
            raise ValueError(
                f"predictions: {bad} does not have exactly one prediction for each of the {len(examples)} test "
                "examples of its target dataset"
            )
        values = np.zeros(counts.shape, dtype=np.float32)
        values[run, example] = frame[self.score].to_numpy(dtype=np.float32)
        for key, rows in runs.groupby(KEY, sort=False, observed=True).indices.items():
            seeds = runs["seed"].to_numpy()[rows]
            order = np.argsort(seeds)
            self._answers[(*key[:-1], int(key[-1]))] = Answers(seeds[order], values[rows[order]])

    def get(self, key: Key) -> Answers | None:
        """The answers of a cell at a budget, or None.

        What does not depend on the source is kept once, with ``any`` as its source; it is found under every source. So
        is what does not depend on the map.
        """
        technique, source_host, target_host, _, source_dataset, target_dataset, initialisation, budget = key
        end = (target_dataset, initialisation, budget)
        places = [
            key,
            (technique, source_host, target_host, ANY, source_dataset, *end),
            (technique, ANY, target_host, ANY, source_dataset, *end),
            (technique, ANY, target_host, ANY, ANY, *end),
        ]
        return next((self._answers[place] for place in places if place in self._answers), None)

    def need(self, key: Key) -> Answers:
        """The same, where it must be there.

        Raises:
            ValueError: there are no predictions for this key.
        """
        if (answers := self.get(key)) is None:
            raise ValueError(f"no predictions for {dict(zip(KEY, key, strict=True))}")
        return answers

    def bare(self, target_host: str, target_dataset: str) -> Answers | None:
        """The target host without a module; shape (1, examples), for the bare host has no seed."""
        answers = self.get(("none", ANY, target_host, ANY, ANY, target_dataset, "bare", 0))
        return answers and Answers(answers.seeds[:1], answers.values[:1])

    def native(self, technique: str, target_host: str, target_dataset: str) -> Answers | None:
        """The target host's own modules."""
        return self.get((technique, ANY, target_host, ANY, ANY, target_dataset, "native", 0))


def constant_is_right(frame: pd.DataFrame) -> np.ndarray:
    """Whether an answer that is always a test set's most frequent label is right, example by example in order of ids.

    Of several labels that are equally frequent, the first in the alphabet.

    Args:
        frame: predictions of one target dataset.
    """
    labels = frame.drop_duplicates("example_id").sort_values("example_id")["label"]
    return (labels == labels.value_counts().sort_index().idxmax()).to_numpy()


def metrics_of(runs: pd.DataFrame) -> dict[str, str]:
    """Target dataset to the name of its score, from table `runs`."""
    return dict(zip(runs["target_dataset"], runs["metric"], strict=True))


def _codes(frame: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """A number for each distinct row, and the distinct rows in the order of these numbers."""
    number = frame.groupby(list(frame), sort=True, observed=True).ngroup().to_numpy()
    _, first = np.unique(number, return_index=True)
    return number, frame.iloc[first].reset_index(drop=True)


def paired(left: Answers, right: Answers) -> tuple[np.ndarray, np.ndarray] | None:
    """Answers of both over the seeds that both have, (seeds, examples); None where they have none."""
    if np.array_equal(left.seeds, right.seeds):
        return left.values, right.values
    common, rows, others = np.intersect1d(left.seeds, right.seeds, return_indices=True)
    return (left.values[rows], right.values[others]) if len(common) else None


def beside(left: Answers, right: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Answers of the left, and the single row of the right repeated for each of its seeds."""
    return left.values, np.broadcast_to(right.values[:1], left.values.shape)
