"""What a Parquet file comes to once it is read, told from the headers of its pages before any page is read.

The sizes in the footer do not tell it: a value that stands once in a dictionary can be meant a million times by some
bytes, and a footer can say anything. The headers of the pages are what a reader reserves memory by. They are in
Thrift's compact protocol (apache/thrift, ``doc/specs/thrift-compact-protocol.md``); their fields are those of
``PageHeader`` (apache/parquet-format, ``parquet.thrift``).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

VALUE_BYTES, PAGE_BYTES = 10, 1_000  # that a value and a page count at least
LARGEST_DICTIONARY = 64_000_000  # bytes; of a larger one each value may be as large as all of it
DATA, DICTIONARY, DATA_2 = 5, 7, 8  # fields of a page's header: what it is the header of
ENCODING = {DATA: 2, DATA_2: 4}  # field of that header
BY_DICTIONARY, BY_PREFIX = (2, 8), 7  # encodings in which few bytes can mean large values
CODECS = {"LZ4": "lz4_raw"}  # as pyarrow unpacks what its metadata calls so
HEADER_BYTES, MOST_DEEP = 2_000, 8  # of a header without its texts, which are passed over
# kinds of fields in the compact protocol
BOOLEANS, BYTE, NUMBERS, DOUBLE, BYTES, STRUCTURE = {1: True, 2: False}, 3, (4, 5, 6), 7, 8, 12


class DamagedPages(ValueError):
    """Headers of pages that are none, or that lie outside of their file."""


@dataclass(frozen=True)
class Page:
    """What the header of a page says: field of its kind, fields of that, bytes unpacked and packed, where these are."""

    kind: int
    said: dict[int, Any]
    size: int
    packed: int
    start: int


def parquet_bytes(path: Path, most: int, columns: Sequence[str] | None = None) -> int:
    """At most how many bytes a file's columns come to in memory; counting stops beyond ``most``.

    Args:
        columns: names of columns at the top of the schema; None for all.

    Raises:
        DamagedPages: headers of pages are damaged.
        OSError, pa.ArrowException: it is no Parquet file.
    """
    total, size = 0, path.stat().st_size
    with pq.ParquetFile(path) as file, open(path, "rb") as stream:
        groups, schema = file.metadata, file.schema
        widths = {number: max(schema.column(number).length or 0, 0) for number in _wanted(schema, columns)}
        for group in (groups.row_group(number) for number in range(groups.num_row_groups)):
            for number, width in widths.items():
                for counted in _chunk(stream, size, group.column(number), width):
                    total += counted
                    if total > most:
                        return total
    return total


def _wanted(schema: Any, columns: Sequence[str] | None) -> list[int]:
    """The places of those leaves of a schema that are in these columns."""
    paths = [schema.column(number).path for number in range(len(schema))]
    names = None if columns is None else set(columns)
    return [
        number
        for number, path in enumerate(paths)
        if names is None or path in names or any(path.startswith(f"{name}.") for name in names)
    ]


def _chunk(stream: BinaryIO, size: int, column: Any, width: int) -> Iterator[int]:
    """What each page of a column chunk comes to.

    Args:
        size: bytes of the file.
        column: pyarrow's ``ColumnChunkMetaData``.
        width: bytes of each value where all are of one size, also of those that are null.
    """
    start = column.data_page_offset
    if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < start:
        start = column.dictionary_page_offset
    end, left, largest = start + column.total_compressed_size, column.num_values, 0
    if not 0 <= start <= end <= size:
        raise DamagedPages(f"pages from byte {start} to {end} in a file of {size}")
    while left > 0 and start < end:
        page = _page(stream, start, end)
        start, values = page.start + page.packed, page.said.get(1, 0)
        if page.kind == DICTIONARY:
            largest = max(largest, _largest(stream, page, column, width))
            yield max(page.size, values * max(VALUE_BYTES, width), PAGE_BYTES)
        elif page.kind in ENCODING:
            left -= values
            encoding = page.said.get(ENCODING[page.kind])
            meant = largest if encoding in BY_DICTIONARY else page.size if encoding == BY_PREFIX else 0
            yield max(page.size, values * (VALUE_BYTES + max(meant, width)), PAGE_BYTES)
        else:
            yield max(page.size, PAGE_BYTES)


def _page(stream: BinaryIO, start: int, end: int) -> Page:
    said = _Header(stream, start, end).structure()
    kind = next((kind for kind in (DATA, DATA_2, DICTIONARY) if isinstance(said.get(kind), dict)), 0)
    page = Page(kind, said.get(kind, {}), said.get(2, -1), said.get(3, -1), stream.tell())
    if any(type(number) is not int or number < 0 for number in (page.size, page.packed, page.said.get(1, 0))):
        raise DamagedPages(f"a page at byte {start} of a size below nothing")
    return page


def _largest(stream: BinaryIO, page: Page, column: Any, width: int) -> int:
    """Bytes of the largest value of a dictionary; of one that cannot be unpacked here, those of all of it."""
    if column.physical_type != "BYTE_ARRAY":
        return max(width, VALUE_BYTES)
    if page.size > LARGEST_DICTIONARY:
        return page.size
    stream.seek(page.start)
    content, codec = stream.read(page.packed), CODECS.get(column.compression, column.compression.lower())
    if codec != "uncompressed":
        try:
            content = pa.decompress(content, page.size, codec, asbytes=True)
        except (pa.ArrowException, ValueError, OSError):
            return page.size
    place, largest = 0, 0
    while place + 4 <= len(content):
        (length,) = struct.unpack_from("<I", content, place)
        place, largest = place + 4 + length, max(largest, length)
    return min(largest, page.size)


class _Header:
    """A header of a page, read from where it begins; it ends before ``end``."""

    def __init__(self, stream: BinaryIO, start: int, end: int) -> None:
        self.stream, self.end, self.left = stream, end, HEADER_BYTES
        stream.seek(start)

    def structure(self, deep: int = 0) -> dict[int, Any]:
        """Numbers, truth values and structures by the numbers of their fields; all else is passed over."""
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) & 15:
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, deep)
        return fields

    def _value(self, kind: int, deep: int) -> Any:
        if kind in BOOLEANS:
            return BOOLEANS[kind]
        if kind == BYTE:
            return self._byte()
        if kind in NUMBERS:
            return self._signed()
        if kind in (DOUBLE, BYTES):
            self.stream.seek(min(8 if kind == DOUBLE else self._varint(), self.end), 1)
            return None
        if kind == STRUCTURE and deep < MOST_DEEP:
            return self.structure(deep + 1)
        raise DamagedPages(f"a header of a page with a field of the kind {kind}")

    def _signed(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise DamagedPages("a number of more than ten bytes in a header of a page")

    def _byte(self) -> int:
        self.left -= 1
        byte = self.stream.read(1) if self.left >= 0 and self.stream.tell() < self.end else b""
        if not byte:
            raise DamagedPages("a header of a page that does not end")
        return byte[0]
