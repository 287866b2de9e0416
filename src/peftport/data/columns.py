"""The columns of a data file, before anybody has said which of them hold texts and labels."""

import csv
import itertools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from peftport.data.accepted import key_of, shown
from peftport.data.readers import READERS, format_of, json_list, numbered_lines, records
from peftport.data.settings import DataFile
from peftport.data.unpacked import refuse_large

LOOKED_AT = 2_000  # rows that columns are judged by
MOST_COLUMNS = 200
MOST_VALUES = 100  # label words that a dataset may have


def look(path: Path, named: Sequence[str] = (), at_most: int = LOOKED_AT) -> dict[str, list[Any]]:
    """The first values of every column, by the names of the columns, in the order of the file.

    Args:
        path: a csv, tsv, jsonl, json or Parquet file.
        named: look at these columns alone; without any, at all those of the first row.
        at_most: rows to read.

    Raises:
        ValueError: the file cannot be read, is too large, is of lines without columns, or has no row.
    """
    entry = DataFile(path=str(path))
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    refuse_large(path)
    kind = format_of(entry, path)
    if kind not in NAMES:
        raise ValueError(f"{path}: expected a file with named columns, one of {', '.join(NAMES)}; got {kind}")
    names = list(dict.fromkeys(named)) or NAMES[kind](path, entry)
    if len(set(names)) != len(names) or not 1 <= len(names) <= MOST_COLUMNS:
        raise ValueError(f"{path}: expected 1 to {MOST_COLUMNS} columns of different names, got {len(names)}")
    read = itertools.islice(READERS[kind](path, entry, {name: name for name in names}), at_most)
    rows = [row.fields for row in read]
    if not rows:
        raise ValueError(f"{path}: it has columns ({', '.join(names)[:200]}) and no row")
    return {name: [row[name] for row in rows] for name in names}


def value_counts(path: Path, column: str) -> Counter[str]:
    """How often each value of a column stands in the whole file, as a config spells the values.

    Raises:
        ValueError: the file cannot be read, lacks the column, or has more values than a dataset has label words.
    """
    entry, counts = DataFile(path=str(path)), Counter[str]()
    for row in READERS[format_of(entry, path)](path, entry, {"label": column}):
        counts[key_of(row.fields["label"])] += 1
        if len(counts) > MOST_VALUES:
            raise ValueError(
                f"{path}: column {column!r} has more than {MOST_VALUES} values; expected one label for each text"
            )
    return counts


def _header(path: Path, entry: DataFile) -> list[str]:
    try:
        fields = next((row for row in records(path, entry) if row), [])
    except csv.Error as error:
        raise ValueError(f"{path}: damaged header: {error}") from error
    return [field.strip() for field in fields]


def _keys_of_lines(path: Path, entry: DataFile) -> list[str]:
    line = next((line for _, line in numbered_lines(path, entry) if line.strip()), "{}")
    try:
        return _keys(path, json.loads(line))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON objects, one a line ({error})") from error


def _keys_of_list(path: Path, entry: DataFile) -> list[str]:
    return next((_keys(path, record) for record in json_list(path, entry)), [])


def _keys(path: Path, record: Any) -> list[str]:
    if not isinstance(record, dict):
        raise ValueError(f"{path}: expected JSON objects, got {shown(record)}")
    return list(record)


def _schema_names(path: Path, entry: DataFile) -> list[str]:
    """The columns of plain values; lists, structures and bytes hold neither texts nor labels."""
    try:
        schema = pq.ParquetFile(path).schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: damaged or no Parquet file: {error}") from error
    kinds = pa.types
    plain = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_boolean, kinds.is_floating)
    return [field.name for field in schema if any(is_of(field.type) for is_of in plain)]


NAMES: dict[str, Callable[[Path, DataFile], list[str]]] = {
    "csv": _header,
    "tsv": _header,
    "jsonl": _keys_of_lines,
    "json": _keys_of_list,
    "parquet": _schema_names,
}
