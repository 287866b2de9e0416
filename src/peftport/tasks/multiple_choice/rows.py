"""Reading of texts with choices of their own."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from peftport.data.accepted import accept_text, key_of, shown
from peftport.data.reading import FaultyRow, Fields, Raw
from peftport.data.settings import Columns, DatasetSettings, MultipleChoiceSettings
from peftport.data.unique import each_once, enough

CHOICES, ANSWER = "choices", "answer"
MOST = 100


class Choices:
    """The reading of a dataset of multiple choice.

    Args:
        by_text: whether the answer stands as its text, and not as its place.
        drops: kinds of faulty rows that are left out, ``choices`` those with empty or equal ones.
    """

    by_label = False

    def __init__(self, by_text: bool = False, drops: Iterable[str] = ()) -> None:
        self.by_text = by_text
        self.drops, self.left_out = frozenset(drops), 0

    def columns(self, named: Columns) -> dict[str, str]:
        """The text, the answer, and the list of choices or every choice."""
        choices = named.choices or CHOICES
        several = [choices] if isinstance(choices, str) else choices
        names = [CHOICES] if isinstance(choices, str) else [f"choice {number}" for number in range(len(several))]
        return {"text": named.text, ANSWER: named.answer or ANSWER, **dict(zip(names, several, strict=True))}

    def accept(self, where: str, fields: Fields) -> tuple[str, str, list[str]]:
        """One row as (tidy text, the right choice, all choices).

        Raises:
            ValueError: a choice is empty or stands twice, there are fewer than two, or none is the answer.
        """
        text = accept_text(where, fields["text"])
        raw = listed(where, fields[CHOICES]) if CHOICES in fields else [fields[name] for name in fields][2:]
        for number, choice in enumerate(raw):
            if choice is None or not str(choice).strip():
                raise FaultyRow(f"{where}: the choice {number} is empty", "choices")
        choices = [accept_text(where, choice, f"choice {number}") for number, choice in enumerate(raw)]
        if not 2 <= len(choices) <= MOST:
            raise ValueError(f"{where}: expected 2 to {MOST} choices, found {len(choices)}")
        for number, choice in enumerate(choices):
            if (first := choices.index(choice)) != number:
                raise FaultyRow(f"{where}: the choices {first} and {number} are equal: {shown(choice)}", "choices")
        return text, choices[self._place(where, fields[ANSWER], choices)], choices

    def _place(self, where: str, answer: Any, choices: list[str]) -> int:
        """The place of the right choice."""
        if self.by_text:
            if (said := accept_text(where, answer, ANSWER)) not in choices:
                raise ValueError(f"{where}: the answer {shown(said)} is none of the choices {shown(choices)}")
            return choices.index(said)
        if not (key := key_of(answer)).isdecimal() or int(key) >= len(choices):
            raise ValueError(
                f"{where}: expected as answer the place of a choice, 0 to {len(choices) - 1}, found {shown(answer)}"
            )
        return int(key)

    def unique(self, raw: Raw) -> tuple[pd.DataFrame, dict[str, int]]:
        """Each text with its choices once, in whatever order they come; those with two answers are dropped."""
        return each_once(raw, lambda text, choices: "\n".join([text, *sorted(choices)]))

    def check(self, splits: dict[str, pd.DataFrame]) -> None:
        """Raise ValueError unless every split has two examples."""
        enough(splits)


def listed(where: str, raw: Any) -> list[Any]:
    """A list of choices; in a file of separated columns it is written as JSON.

    Raises:
        ValueError: it is no list.
    """
    try:
        found = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ValueError(f"{where}: expected a list of choices, found {shown(raw)}")
    return found


def reading(dataset: DatasetSettings) -> Choices:
    """How rows of this dataset become examples."""
    said = dataset.multiple_choice or MultipleChoiceSettings()
    drops = [*dataset.drop, *(["choices"] if said.faulty == "leave_out" else [])]
    return Choices(said.answer == "text", drops)


def counts(frame: pd.DataFrame) -> dict[str, int]:
    """Examples of a split."""
    return {"examples": len(frame)}


def shuffled(frame: pd.DataFrame, order: np.ndarray) -> pd.DataFrame:
    """The places of the right choices dealt out anew; one beyond an example's last begins again at its first."""
    choices = [list(own) for own in frame["answers"]]
    places = np.asarray([own.index(label) for own, label in zip(choices, frame["label"], strict=True)])[order]
    return frame.assign(label=[own[place % len(own)] for own, place in zip(choices, places, strict=True)])
