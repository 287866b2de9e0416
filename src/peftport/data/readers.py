"""Local files to examples, one reader per format; whatever is wrong is named by file and line."""

import codecs
import csv
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from peftport.data.accepted import key_of, shown
from peftport.data.reading import Fields, Reading, accepted
from peftport.data.settings import FILE_BYTES, DataFile
from peftport.data.unpacked import refuse_large, refuse_large_parquet
from peftport.registry import did_you_mean

LINE_BYTES = 1_000_000
LIST_BYTES = 200_000_000
MOST_ROWS = 2_000_000
BATCH_ROWS = 256  # of Parquet, in memory at a time
EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".txt": "lines",
}


# of tsv without quoting, as GLUE has it: a quotation mark is part of the text
DIALECTS = {"csv": {"strict": True}, "tsv": {"delimiter": "\t", "quoting": csv.QUOTE_NONE}}

SEPARATORS = (",", ";", "\t", "|")

Wanted = dict[str, str]  # what a row needs to the name of its column


class Row(NamedTuple):
    """One example as it stands in a file: where (``line 3``), and what was asked for, by the reading's names."""

    place: str
    fields: Fields


def read_file(entry: DataFile, reading: Reading, root: Path, at_most: int | None = None) -> list[tuple]:
    """Read one file of examples.

    Args:
        entry: one item of ``source.files``.
        reading: of the dataset's kind.
        root: folder that a relative path starts from.
        at_most: number of rows to read; None reads all.

    Returns:
        The examples in the order of the file.

    Raises:
        ValueError: the file is missing or damaged, a column is missing, a text is empty or not in the encoding, or the
            kind refuses a row; the message names file and line, what was expected and what came.
    """
    path = Path(root) / Path(entry.path).expanduser()
    if not path.is_file():
        raise ValueError(f"{path}: no such file.{did_you_mean(path.name, _siblings(path))}")
    refuse_large(path)
    wanted = reading.columns(entry.columns)
    rows = READERS[format_of(entry, path)](path, entry, wanted | {column: column for column in entry.where})
    chosen = (row for row in rows if all(key_of(row.fields[name]) == value for name, value in entry.where.items()))
    placed = ((f"{path}, {row.place}", {name: row.fields[name] for name in wanted}) for row in chosen)
    found, characters = [], 0
    for where, example in accepted(reading, itertools.islice(placed, at_most)):
        found.append(example)
        characters += len(example[0])
        if len(found) > MOST_ROWS or characters > FILE_BYTES:
            raise ValueError(
                f"{where}: at most {MOST_ROWS:,} examples of together {FILE_BYTES:,} characters are read. "
                "Keep fewer examples in it."
            )
    return found


def pick_columns(where: str, wanted: Wanted, present: list[str]) -> list[str]:
    """The names of the wanted columns.

    Raises:
        ValueError: one is not there; the message lists those that are.
    """
    for role, name in wanted.items():
        if name not in present:
            there = ", ".join(shown(column) for column in present[:20]) or "none"
            raise ValueError(
                f"{where}: no column {name!r} for the {role}.{did_you_mean(name, present)} Columns there: {there}."
            )
    return list(wanted.values())


def records(path: Path, entry: DataFile, wanted: Iterable[str] = ()) -> Any:
    """The records of a csv or tsv file, a list of fields each: Python's reader, which knows how many lines it read.

    Args:
        wanted: names of columns, by which the separator of a csv file is found where the config does not say it;
            without any it is the one that separates most columns.
    """
    kind = format_of(entry, path)
    separator = {"delimiter": entry.delimiter or _separator(path, entry, set(wanted))} if kind == "csv" else {}
    return csv.reader((line for _, line in numbered_lines(path, entry)), **DIALECTS[kind], **separator)


def _separator(path: Path, entry: DataFile, wanted: set[str]) -> str:
    """The first separator at which the first line of a csv file has columns with the wanted names; else a comma."""
    first = next((line for _, line in numbered_lines(path, entry) if line.strip()), "")
    try:
        columns = {separator: next(csv.reader([first], delimiter=separator), []) for separator in SEPARATORS}
    except csv.Error:  # the reader of all lines says where
        return SEPARATORS[0]
    if not wanted:
        return max(SEPARATORS, key=lambda separator: len(columns[separator]))
    for separator, fields in columns.items():
        if wanted <= set(_header(entry, fields)):
            return separator
    return SEPARATORS[0]


def _header(entry: DataFile, fields: list[str]) -> list[str]:
    """The names of the columns, from the first record: what stands there, or 1, 2, ..."""
    if entry.header is False:
        return [str(number) for number in range(1, len(fields) + 1)]
    return [field.strip() for field in fields]


def _separated(path: Path, entry: DataFile, wanted: Wanted) -> Iterator[Row]:
    reader, begins, header = records(path, entry, wanted.values()), 1, None
    try:
        for fields in reader:
            place, begins = f"line {begins}", reader.line_num + 1
            if not fields:
                continue
            if header is None:
                header = _header(entry, fields)
                places = [header.index(name) for name in pick_columns(f"{path}, {place}", wanted, header)]
                if entry.header is not False:
                    continue
            if len(fields) != len(header):
                raise ValueError(
                    f"{path}, {place}: expected {len(header)} fields as in the header, found {len(fields)}; "
                    "a text that holds the separator or a line break needs quotes (CSV)"
                )
            yield Row(place, {name: fields[at] for name, at in zip(wanted, places, strict=True)})
    except csv.Error as error:
        raise ValueError(f"{path}, line {begins}: damaged record: {error}") from error
    if header is None:
        raise ValueError(f"{path}: the file is empty; expected a header line with the column names")


def _jsonl(path: Path, entry: DataFile, wanted: Wanted) -> Iterator[Row]:
    for number, line in numbered_lines(path, entry):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where}: expected a JSON object, found {shown(line)} ({error})") from error
        yield _of_object(path, f"line {number}", record, wanted)


def _json(path: Path, entry: DataFile, wanted: Wanted) -> Iterator[Row]:
    for number, record in enumerate(json_list(path, entry), 1):
        yield _of_object(path, f"row {number}", record, wanted)


def json_list(path: Path, entry: DataFile) -> list:
    """What a file holds that is one JSON list, which is read as a whole.

    Raises:
        ValueError: it is too large, or no such list.
    """
    if (size := path.stat().st_size) > LIST_BYTES:
        raise ValueError(
            f"{path}: {size:,} bytes; a JSON list has at most {LIST_BYTES:,}. Write it as JSON lines (.jsonl)."
        )
    try:
        records = json.loads(path.read_text(encoding=_encoding(path, entry.encoding)))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected a JSON list of objects ({error})") from error
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a JSON list of objects, found {shown(records)}")
    return records


def _of_object(path: Path, place: str, record: Any, wanted: Wanted) -> Row:
    where = f"{path}, {place}"
    if not isinstance(record, dict):
        raise ValueError(f"{where}: expected a JSON object, found {shown(record)}")
    names = pick_columns(where, wanted, list(record))
    return Row(place, {role: record[name] for role, name in zip(wanted, names, strict=True)})


def _parquet(path: Path, entry: DataFile, wanted: Wanted) -> Iterator[Row]:
    number = 0
    try:
        file = pq.ParquetFile(path)
        names = pick_columns(str(path), wanted, file.schema_arrow.names)
        refuse_large_parquet(path, names)
        for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=list(dict.fromkeys(names))):
            columns = [batch.column(name).to_pylist() for name in names]
            for number, values in enumerate(zip(*columns, strict=True), number + 1):  # noqa: B020
                yield Row(f"row {number}", dict(zip(wanted, values, strict=True)))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged or no Parquet file, after row {number}: {error}") from error


def _text_lines(path: Path, entry: DataFile, wanted: Wanted) -> Iterator[Row]:
    """One text per line: its label fixed for the file, or found in the line by a pattern."""
    if set(wanted) != {"text", "label"}:
        raise ValueError(f"{path}: a file of lines has texts and labels and no {' and '.join(wanted)}; see `format`")
    if (entry.label is None) == (entry.pattern is None):
        raise ValueError(f"{path}: a file of lines needs either `label` or `pattern`")
    pattern = _pattern(path, entry.pattern) if entry.pattern is not None else None
    for number, line in numbered_lines(path, entry):
        line, place = line.rstrip("\r\n"), f"line {number}"
        if pattern is None or not line.strip():  # an empty line is refused as an empty text
            yield Row(place, {"text": line, "label": entry.label})
        elif match := pattern.fullmatch(line):
            yield Row(place, {"text": match["text"], "label": match["label"]})
        else:
            raise ValueError(f"{path}, {place}: the pattern {pattern.pattern!r} does not fit {shown(line)}")


def _pattern(path: Path, pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{path}: pattern {pattern!r} is no regular expression: {error}") from error
    if missing := {"label", "text"} - set(compiled.groupindex):
        groups = " and ".join(f"(?P<{name}>...)" for name in sorted(missing))
        raise ValueError(f"{path}: pattern {pattern!r} lacks {groups}")
    return compiled


READERS: dict[str, Callable[[Path, DataFile, Wanted], Iterator[Row]]] = {
    "csv": _separated,
    "tsv": _separated,
    "jsonl": _jsonl,
    "json": _json,
    "parquet": _parquet,
    "lines": _text_lines,
}


def numbered_lines(path: Path, entry: DataFile) -> Iterator[tuple[int, str]]:
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


def format_of(entry: DataFile, path: Path) -> str:
    name = entry.format or EXTENSIONS.get(path.suffix.lower())
    if name is None:
        raise ValueError(f"{path}: the extension {path.suffix!r} does not tell the format; say `format:` {_formats()}")
    return name


def _formats() -> str:
    return ", ".join(READERS)


def _siblings(path: Path) -> list[str]:
    return [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
