"""Reading of labelled texts."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from peftport.data.accepted import accept_text, key_of, shown
from peftport.data.reading import FaultyRow, Fields, Raw
from peftport.data.settings import Columns, DatasetSettings
from peftport.data.unique import each_once


class LabelledTexts:
    """The reading of a dataset with label words.

    Args:
        labels: raw label to label word.
        drops: kinds of faulty rows that are left out.
    """

    by_label = True

    def __init__(self, labels: dict[str, str], drops: Iterable[str] = ()) -> None:
        self.drops, self.left_out = frozenset(drops), 0
        self.labels = {key_of(key): word for key, word in labels.items()}
        self.words = list(dict.fromkeys(labels.values()))

    def columns(self, named: Columns) -> dict[str, str]:
        """The text and the label."""
        return {"text": named.text, "label": named.label}

    def accept(self, where: str, fields: Fields) -> tuple[str, str]:
        """One row as (tidy text, label word).

        Raises:
            FaultyRow: the text or the label is empty, or the label is not in the map.
            ValueError: the text is no text.
        """
        text, label = accept_text(where, fields["text"]), key_of(fields["label"])
        if label not in self.labels:
            if fields["label"] is None or not label:
                raise FaultyRow(f"{where}: the label is empty", "unlabelled")
            allowed = ", ".join(f"{key!r} ({word})" for key, word in self.labels.items())
            said = f"{where}: label {shown(label)} is not in the label map; allowed: {allowed}"
            raise FaultyRow(said, "other_label")
        return text, self.labels[label]

    def unique(self, raw: Raw) -> tuple[pd.DataFrame, dict[str, int]]:
        """Each text once; texts with two labels are dropped.

        Raises:
            ValueError: some label has no example.
        """
        frame, facts = each_once(raw)
        found = set(frame["label"])
        if missing := [word for word in self.words if word not in found]:
            there = ", ".join(sorted(found)) or "none"
            said = f"no example of label {', '.join(missing)} in the whole dataset; labels found: {there}"
            read, conflicting = sum(map(len, raw.values())), facts["conflicting_dropped"]
            dropped = f". Of {read:,} examples {conflicting:,} were dropped, whose text has another label elsewhere"
            raise ValueError(said + (dropped if conflicting else ""))
        return frame, facts

    def check(self, splits: dict[str, pd.DataFrame]) -> None:
        """Raise ValueError unless every split has an example of each label."""
        for name, frame in splits.items():
            counts = frame["label"].value_counts()
            if missing := [word for word in self.words if word not in counts]:
                raise ValueError(
                    f"too few examples: split {name!r} has {len(frame)} and none of them is {', '.join(missing)}; "
                    "it needs at least one of each label (see `examples`, `split` and the source)"
                )


def reading(dataset: DatasetSettings) -> LabelledTexts:
    """How rows of this dataset become examples.

    Raises:
        ValueError: it has one label word only.
    """
    labels = LabelledTexts(dataset.labels or {}, dataset.drop)
    if len(labels.words) < 2:
        found = ", ".join(labels.words) or "none"
        raise ValueError(f"labels: a dataset needs at least two label words, found {found}")
    return labels


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """Examples of a split by label."""
    return {str(word): int(number) for word, number in frame["label"].value_counts().sort_index().items()}


def shuffled(frame: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """The labels dealt out anew, each as often as before."""
    return frame.assign(label=frame["label"].to_numpy()[order])
