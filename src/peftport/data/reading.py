"""What a kind of dataset says about reading its rows; every kind has one, in ``peftport.tasks.<kind>.rows``."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import pandas as pd

from peftport.data.settings import Columns

# split to examples: tidy text, the right answer, and all answers where they are the example's own
Raw = dict[str, list[tuple]]
Fields = dict[str, Any]  # what a row of a file or a hub holds, by the names that a kind gives its columns


# kinds of faulty rows, each with what a message says of such rows
FAULTS = {
    "empty": "no text",
    "unlabelled": "no label",
    "other_label": "a label that is not one of `labels`",
    "choices": "empty or equal choices",
}


class FaultyRow(ValueError):
    """A row of which nothing can be learned: public files have some. A dataset may leave out rows of a kind of fault.

    Args:
        message: where it stands and what is wrong.
        kind: of ``FAULTS``.
    """

    def __init__(self, message: str, kind: str) -> None:
        self.kind = kind
        super().__init__(message)


class Reading(Protocol):
    """How examples of one kind are read, made unique and drawn.

    Attributes:
        by_label: whether draws keep the share of every label.
        drops: kinds of ``FAULTS`` whose rows are left out and not refused.
        left_out: how many rows were left out so far.
    """

    by_label: bool
    drops: frozenset[str]
    left_out: int

    def columns(self, named: Columns) -> dict[str, str]:
        """What a row needs to the name of its column."""

    def accept(self, where: str, fields: Fields) -> tuple:
        """One row as an example.

        Args:
            where: file and row.
            fields: what a row needs, by the names of ``columns``.

        Raises:
            FaultyRow: nothing can be learned of it; the message starts with ``where``.
            ValueError: something else in it is wrong; likewise.
        """

    def unique(self, raw: Raw) -> tuple[pd.DataFrame, dict[str, int]]:
        """Each example once, in the split that keeps it, in the order of the ids, and facts about what was dropped.

        The columns are ``example_id``, ``text``, ``label``, ``answers`` and ``split``.
        """

    def check(self, splits: dict[str, pd.DataFrame]) -> None:
        """Raise ValueError where a split lacks what a study needs of it."""


def accepted(reading: Reading, rows: Iterable[tuple[str, Fields]]) -> Iterator[tuple[str, tuple]]:
    """Rows, each with where it stands, as examples; faulty ones that the reading drops are left out and counted.

    Raises:
        FaultyRow: after the last row, if there are faulty ones that are not dropped: the first, and how many of each.
    """
    first, refused, number = None, Counter(), 0
    for number, (where, fields) in enumerate(rows, 1):  # noqa: B007
        try:
            example = reading.accept(where, fields)
        except FaultyRow as fault:
            if fault.kind in reading.drops:
                reading.left_out += 1
                continue
            refused[fault.kind] += 1
            first = first or fault
            continue
        if first is None:
            yield where, example
    if first is not None:
        raise FaultyRow(f"{first}{_how_many(refused, number)}", first.kind)


def _how_many(refused: Counter, number: int) -> str:
    """What is wrong with how many rows, and what leaves them out."""
    found = [f"{count:,} {'has' if count == 1 else 'have'} {FAULTS[kind]}" for kind, count in refused.items()]
    dropped = ", ".join(kind for kind in refused if kind != "choices")
    how = f"; `drop: [{dropped}]` leaves such rows out" if dropped else ""
    return f" (of {number:,} rows {' and '.join(found)}{how})"
