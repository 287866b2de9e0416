"""The leak audit: which texts stand in more than one place, and taking them out of the training data."""

import json
from itertools import combinations

import pandas as pd

from peftport.data.texts import normal_form
from peftport.storage.tables import TABLES

IDS_LISTED = 1000


def overlap(datasets: dict[str, dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """Count the shared texts of every two splits, of different datasets and of one: the table ``overlap``.

    Each pair stands once, in the order in which datasets and splits are given.

    Args:
        datasets: dataset name to split name to a table ``examples``.
    """
    places = [_Place(name, split, frame) for name, splits in datasets.items() for split, frame in splits.items()]
    rows = [left.against(right) for left, right in combinations(places, 2)]
    return pd.DataFrame(rows, columns=list(TABLES["overlap"]))


def decontaminate(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """``train`` without the texts whose normal form stands in ``test``, and how many those were."""
    seen = set(test["text"].map(normal_form))
    leaked = train["text"].map(lambda text: normal_form(text) in seen).astype(bool)
    return train[~leaked].reset_index(drop=True), int(leaked.sum())


class _Place:
    """One split of one dataset, its texts ready to be looked up."""

    def __init__(self, dataset: str, split: str, frame: pd.DataFrame):
        self.dataset, self.split, self.frame = dataset, split, frame
        self.forms = frame["text"].map(normal_form)
        self.texts, self.form_set = set(frame["text"]), set(self.forms)

    def against(self, right: "_Place") -> dict[str, str | int]:
        shared = self.forms.isin(right.form_set)
        return {
            "left_dataset": self.dataset,
            "left_split": self.split,
            "right_dataset": right.dataset,
            "right_split": right.split,
            "left_examples": len(self.frame),
            "right_examples": len(right.frame),
            "exact": int(self.frame["text"].isin(right.texts).sum()),
            "normalised": int(shared.sum()),
            "example_ids": json.dumps(self.frame.loc[shared, "example_id"].tolist()[:IDS_LISTED]),
        }
