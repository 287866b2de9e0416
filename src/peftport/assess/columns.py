"""Which column of a data file holds the texts and which the labels: inferred where it is clear, else asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peftport.data.accepted import key_of, shown
from peftport.data.columns import look
from peftport.registry import did_you_mean

FEW = 20  # distinct values that a label column has at most
REPEATED = 3  # times that a label stands in the rows looked at, on average, at least
LONGER = 2.0  # how many times longer than any other column's the texts must be
USUAL = {"text": "text", "label": "label"}  # a column of this name is it, where it can be


class UnclearColumns(ValueError):
    """Columns that cannot be told, or a name that no column has; the message says what was seen."""


@dataclass(frozen=True)
class Column:
    """What the first rows of a column hold.

    Attributes:
        name: of the column.
        texts: whether every value is a text.
        length: characters of a value, on average.
        values: the distinct values as a config spells them, in the order in which they come; None where one is missing.
        rows: how many were looked at.
    """

    name: str
    texts: bool
    length: float
    values: list[str] | None
    rows: int

    @classmethod
    def of(cls, name: str, values: list[Any]) -> "Column":
        """What these values say."""
        missing = any(value is None or isinstance(value, list | dict) for value in values)
        spelled = [key_of(value) for value in values]
        distinct = None if missing or "" in spelled else list(dict.fromkeys(spelled))
        length = sum(map(len, spelled)) / len(spelled)
        return cls(name, all(isinstance(value, str) for value in values), length, distinct, len(values))

    @property
    def labels(self) -> bool:
        """Whether its values can be labels: at least two, few, and each of them often."""
        return self.values is not None and 2 <= len(self.values) <= min(FEW, self.rows // REPEATED)

    @property
    def seen(self) -> str:
        """What was seen, for a message."""
        if self.values is None:
            return f"{self.name}: some values are missing or are lists"
        examples = ", ".join(shown(value)[:30] for value in self.values[:3])
        what = f"{len(self.values):,} distinct values in {self.rows:,} rows, {self.length:.0f} characters on average"
        return f"{self.name}: {what} ({examples}{', ...' if len(self.values) > 3 else ''})"


def text_and_label(path: Path, text: str | None = None, label: str | None = None, flag: str = "--") -> tuple[str, str]:
    """The names of the column with the texts and of the one with the labels.

    Args:
        text: the name of the column with the texts; None where it is to be inferred.
        label: the same of the labels.
        flag: how the flags begin that say them.

    Raises:
        UnclearColumns: they cannot be told, or there is no column of a given name.
        ValueError: the file cannot be read.
    """
    names = [name for name in (text, label) if name is not None]
    columns = {name: Column.of(name, values) for name, values in look(path, names if len(names) == 2 else ()).items()}
    for name, what in ((text, "text"), (label, "label")):
        if name is not None and name not in columns:
            said = f"there is no column for {flag}{what} {name}.{did_you_mean(name, columns)}"
            raise _unclear(path, said, columns)
    if text is not None and text == label:
        raise _unclear(path, f"expected two columns, {flag}text and {flag}label name one.", columns)
    label = label or _only_label(path, {name: column for name, column in columns.items() if name != text}, flag)
    return text or _longest(path, {name: column for name, column in columns.items() if name != label}, flag), label


def _only_label(path: Path, columns: dict[str, Column], flag: str) -> str:
    """The column called `label` if it can be it, else the only one that can be."""
    possible = [name for name, column in columns.items() if column.labels]
    if USUAL["label"] in possible:
        return USUAL["label"]
    if len(possible) != 1:
        why = f"{', '.join(possible)} can be it" if possible else "no column has few values that repeat"
        raise _unclear(path, f"which column holds the labels is not clear: {why}; say {flag}label COLUMN.", columns)
    return possible[0]


def _longest(path: Path, columns: dict[str, Column], flag: str) -> str:
    """The column called `text` if it holds texts, else the one whose texts are much longer than all others."""
    texts = sorted((column for column in columns.values() if column.texts), key=lambda column: -column.length)
    if any(column.name == USUAL["text"] for column in texts):
        return USUAL["text"]
    if not texts or (len(texts) > 1 and texts[0].length < LONGER * texts[1].length):
        alike = f"{texts[0].name} and {texts[1].name} are of like length" if texts else "no other column holds texts"
        raise _unclear(path, f"which column holds the texts is not clear: {alike}; say {flag}text COLUMN.", columns)
    return texts[0].name


def _unclear(path: Path, said: str, columns: dict[str, Column]) -> UnclearColumns:
    there = "\n".join(f"  {column.seen}" for column in columns.values())
    return UnclearColumns(f"{path}: {said} Its columns:\n{there}")
