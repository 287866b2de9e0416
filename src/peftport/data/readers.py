"""Local files to labelled texts, one reader per format; whatever is wrong is named by file and line."""

import codecs
import csv
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from peftport.data.settings import Columns, DataFile
from peftport.data.texts import tidy
from peftport.registry import did_you_mean

LINE_BYTES = 1_000_000
FILE_BYTES = 1_000_000_000
TEXT_CHARACTERS = 100_000
MOST_ROWS = 2_000_000
BATCH_ROWS = 256  # of Parquet, in memory at a time
EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "lines",
}


class Row(NamedTuple):
    """One example as it stands in a file: where (``line 3``), its raw label, its raw text."""

    place: str
    label: Any
    text: Any


def read_file(entry: DataFile, labels: dict[str, str], root: Path, at_most: int | None = None) -> list[tuple[str, str]]:
    """Read one file of labelled texts.

    Args:
        entry: one item of ``source.files``.
        labels: raw label to label word.
        root: folder that a relative path starts from.
        at_most: number of rows to read; None reads all.

    Returns:
        (text with its white space tidied, label word), in the order of the file.

    Raises:
        ValueError: the file is missing or damaged, a column is missing, a text is empty or not in the encoding, or a
            label is not in the map; the message names file and line, what was expected and what came.
    """
    path = Path(root) / Path(entry.path).expanduser()
    if not path.is_file():
        raise ValueError(f"{path}: no such file.{did_you_mean(path.name, _siblings(path))}")
    if (size := path.stat().st_size) > FILE_BYTES:
        raise ValueError(f"{path}: {size:,} bytes; at most {FILE_BYTES:,} are read. Keep fewer examples in it.")
    rows = itertools.islice(READERS[_format(entry, path)](path, entry), at_most)
    found, characters = [], 0
    for row in rows:
        found.append(accept(f"{path}, {row.place}", row.label, row.text, labels))
        characters += len(found[-1][0])
        if len(found) > MOST_ROWS or characters > FILE_BYTES:
            raise ValueError(
                f"{path}, {row.place}: at most {MOST_ROWS:,} examples of together {FILE_BYTES:,} characters are read. "
                "Keep fewer examples in it."
            )
    return found


def accept(where: str, label: Any, text: Any, labels: dict[str, str]) -> tuple[str, str]:
    """One raw example as (tidy text, label word).

    Raises:
        ValueError: the text is no text or empty, or the label is not in the map; the message starts with ``where``.
    """
    if not isinstance(text, str):
        raise ValueError(f"{where}: expected a text, found {_shown(text)}")
    if len(text) > TEXT_CHARACTERS:
        raise ValueError(
            f"{where}: the text has {len(text):,} characters, at most {TEXT_CHARACTERS:,} are read. Is it one text?"
        )
    if not (tidied := tidy(text)):
        raise ValueError(f"{where}: the text is empty")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError(f"{where}: the text holds characters that no text has; is the encoding right?")
    words = {label_key(key): word for key, word in labels.items()}
    if (key := label_key(label)) not in words:
        allowed = ", ".join(f"{key!r} ({word})" for key, word in words.items())
        raise ValueError(f"{where}: label {_shown(key)} is not in the label map; allowed: {allowed}")
    return tidied, words[key]


def label_key(value: Any) -> str:
    """A raw label as the label map spells it: 1, 1.0 and ``" 1"`` are ``"1"``; True is ``"true"``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.strip() if isinstance(value, str) else str(value)


def pick_columns(where: str, columns: Columns, present: list[str]) -> tuple[str, str]:
    """The names of the text and the label column.

    Raises:
        ValueError: one is not there; the message lists those that are.
    """
    for role, name in (("text", columns.text), ("label", columns.label)):
        if name not in present:
            there = ", ".join(_shown(column) for column in present[:20]) or "none"
            raise ValueError(
                f"{where}: no column {name!r} for the {role}.{did_you_mean(name, present)} Columns there: {there}."
            )
    return columns.text, columns.label


def _csv(path: Path, entry: DataFile) -> Iterator[Row]:
    return _separated(path, entry, delimiter=",", strict=True)


def _tsv(path: Path, entry: DataFile) -> Iterator[Row]:
    """Tab-separated without quoting, as GLUE has it: a quotation mark is part of the text."""
    return _separated(path, entry, delimiter="\t", quoting=csv.QUOTE_NONE)


def _separated(path: Path, entry: DataFile, **dialect: Any) -> Iterator[Row]:
    reader, begins, header = csv.reader((line for _, line in _lines(path, entry)), **dialect), 1, None
    try:
        for fields in reader:
            place, begins = f"line {begins}", reader.line_num + 1
            if not fields:
                continue
            if header is None:
                header = [field.strip() for field in fields]
                text, label = (header.index(name) for name in pick_columns(f"{path}, {place}", entry.columns, header))
            elif len(fields) != len(header):
                raise ValueError(
                    f"{path}, {place}: expected {len(header)} fields as in the header, found {len(fields)}; "
                    "a text that holds the separator or a line break needs quotes (CSV)"
                )
            else:
                yield Row(place, fields[label], fields[text])
    except csv.Error as error:
        raise ValueError(f"{path}, line {begins}: damaged record: {error}") from error
    if header is None:
        raise ValueError(f"{path}: the file is empty; expected a header line with the column names")


def _jsonl(path: Path, entry: DataFile) -> Iterator[Row]:
    for number, line in _lines(path, entry):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: expected a JSON object, found {_shown(line)} ({error})") from error
        if not isinstance(record, dict):
            raise ValueError(f"{where}: expected a JSON object, found {_shown(record)}")
        text, label = pick_columns(where, entry.columns, list(record))
        yield Row(f"line {number}", record[label], record[text])


def _parquet(path: Path, entry: DataFile) -> Iterator[Row]:
    number = 0
    try:
        file = pq.ParquetFile(path)
        text, label = pick_columns(str(path), entry.columns, file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[text, label]):
            texts, raw = batch.column(text).to_pylist(), batch.column(label).to_pylist()
            for number, (one, its_label) in enumerate(zip(texts, raw, strict=True), number + 1):  # noqa: B020
                yield Row(f"row {number}", its_label, one)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged or no Parquet file, after row {number}: {error}") from error


def _text_lines(path: Path, entry: DataFile) -> Iterator[Row]:
    """One text per line: its label fixed for the file, or found in the line by a pattern."""
    if (entry.label is None) == (entry.pattern is None):
        raise ValueError(f"{path}: a file of lines needs either `label` or `pattern`")
    pattern = _pattern(path, entry.pattern) if entry.pattern is not None else None
    for number, line in _lines(path, entry):
        line, place = line.rstrip("\r\n"), f"line {number}"
        if pattern is None or not line.strip():  # an empty line is refused as an empty text
            yield Row(place, entry.label, line)
        elif match := pattern.fullmatch(line):
            yield Row(place, match["label"], match["text"])
        else:
            raise ValueError(f"{path}, {place}: the pattern {pattern.pattern!r} does not fit {_shown(line)}")


def _pattern(path: Path, pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{path}: pattern {pattern!r} is no regular expression: {error}") from error
    if missing := {"label", "text"} - set(compiled.groupindex):
        groups = " and ".join(f"(?P<{name}>...)" for name in sorted(missing))
        raise ValueError(f"{path}: pattern {pattern!r} lacks {groups}")
    return compiled


READERS: dict[str, Callable[[Path, DataFile], Iterator[Row]]] = {
    "csv": _csv,
    "tsv": _tsv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "lines": _text_lines,
}


def _lines(path: Path, entry: DataFile) -> Iterator[tuple[int, str]]:
    """Number and text of each line, with its line end; one line in memory at a time, none over LINE_BYTES."""
    encoding = _encoding(path, entry.encoding)
    with open(path, "rb") as stream:
        number = 0
        while line := stream.readline(LINE_BYTES + 1):
            number += 1
            if len(line) > LINE_BYTES:
                raise ValueError(f"{path}, line {number}: longer than {LINE_BYTES:,} bytes; is this a text file?")
            try:
                text = line.decode(encoding)
            except UnicodeError as error:
                at = getattr(error, "start", 0)
                raise ValueError(
                    f"{path}, line {number}, byte {at + 1}: 0x{line[at]:02x} is not {encoding}; "
                    "if the file has another encoding say so, for example `encoding: latin-1`"
                ) from error
            yield number, text.removeprefix("\ufeff") if number == 1 else text


def _encoding(path: Path, name: str) -> str:
    try:
        encoding = codecs.lookup(name).name
        encoding = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
        if "\n".encode(encoding) == b"\n":
            return encoding
    except (LookupError, ValueError):
        pass
    raise ValueError(f"{path}: encoding {name!r} is unknown or has no plain line ends; save the file as utf-8")


def _format(entry: DataFile, path: Path) -> str:
    name = entry.format or EXTENSIONS.get(path.suffix.lower())
    if name is None:
        raise ValueError(f"{path}: the extension {path.suffix!r} does not tell the format; say `format:` {_formats()}")
    return name


def _formats() -> str:
    return ", ".join(READERS)


def _siblings(path: Path) -> list[str]:
    return [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
