"""What is accepted as a text of a dataset, whichever file or hub it comes from."""

from typing import Any

from peftport.data.reading import FaultyRow
from peftport.data.texts import tidy

TEXT_CHARACTERS = 100_000


def accept_text(where: str, raw: Any, what: str = "text") -> str:
    """A raw text with its white space tidied.

    Args:
        where: file and row.
        what: what the text is, for the message.

    Raises:
        FaultyRow: it is the text of an example and empty or absent; the message starts with ``where``.
        ValueError: it is no text, empty or too long; likewise.
    """
    if what == "text" and (raw is None or (isinstance(raw, str) and not raw.strip())):
        raise FaultyRow(f"{where}: the text is empty", "empty")
    if not isinstance(raw, str):
        raise ValueError(f"{where}: expected a text, found {shown(raw)}{'' if what == 'text' else f' ({what})'}")
    if len(raw) > TEXT_CHARACTERS:
        raise ValueError(
            f"{where}: the {what} has {len(raw):,} characters, at most {TEXT_CHARACTERS:,} are read. Is it one text?"
        )
    if not (tidied := tidy(raw)):
        raise ValueError(f"{where}: the {what} is empty")
    if "\0" in raw or any("\ud800" <= letter <= "\udfff" for letter in raw):
        raise ValueError(f"{where}: the {what} holds characters that no text has; is the encoding right?")
    return tidied


def key_of(value: Any) -> str:
    """A raw value as a config spells it: 1, 1.0 and ``" 1"`` are ``"1"``; True is ``"true"``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.strip() if isinstance(value, str) else str(value)


def shown(value: Any) -> str:
    """A value for a message, at most 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
