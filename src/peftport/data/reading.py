"""What a kind of dataset says about reading its rows; every kind has one, in ``peftport.tasks.<kind>.rows``."""

from typing import Any, Protocol

import pandas as pd

from peftport.data.settings import Columns

# split to examples: tidy text, the right answer, and all answers where they are the example's own
Raw = dict[str, list[tuple]]


class FaultyRow(ValueError):
    """A row whose choices are empty or equal: public files have some, which nobody can answer."""


class Reading(Protocol):
    """How examples of one kind are read, made unique and drawn.

    Attributes:
        by_label: whether draws keep the share of every label.
        left_out: faulty rows that were left out so far; None where they are refused.
    """

    by_label: bool
    left_out: int | None

    def columns(self, named: Columns) -> dict[str, str]:
        """What a row needs to the name of its column."""

    def accept(self, where: str, fields: dict[str, Any]) -> tuple:
        """One row as an example.

        Args:
            where: file and row.
            fields: what a row needs, by the names of ``columns``.

        Raises:
            ValueError: something in it is wrong; the message starts with ``where``.
        """

    def unique(self, raw: Raw) -> tuple[pd.DataFrame, dict[str, int]]:
        """Each example once, in the split that keeps it, in the order of the ids, and facts about what was dropped.

        The columns are ``example_id``, ``text``, ``label``, ``answers`` and ``split``.
        """

    def check(self, splits: dict[str, pd.DataFrame]) -> None:
        """Raise ValueError where a split lacks what a study needs of it."""
