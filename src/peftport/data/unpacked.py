"""How large data files become when they are read: bounded before any of it is kept.

A local file is read as it is. Of a packed one (gzip, zip) this asks to be unpacked first; of Parquet it counts what the
pages come to. Data files of a hub are read by the package ``datasets``, which unpacks packed files onto the disk and
reads Parquet whole. So what they come to is counted here first, in a stream that keeps nothing.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from peftport.data.parquet_bytes import DamagedPages, parquet_bytes
from peftport.data.settings import FILE_BYTES

TOGETHER = 20  # times as much may all data files of a repository come to
PIECE = 1_000_000  # bytes at a time
GZIP, ZIP, PARQUET = "gzip", "zip", "parquet"
BEGINNINGS = {
    **{b"\x1f\x8b": GZIP, b"PK\x03\x04": ZIP, b"PK\x05\x06": ZIP, b"\xfd7zXZ\x00": "xz", b"7z\xbc\xaf": "7z"},
    **{b"\x28\xb5\x2f\xfd": "zstd", b"Rar!\x1a\x07": "rar", b"\x04\x22\x4d\x18": "lz4"},
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
}
TAR_AT, TAR, PARQUET_END = 257, b"ustar", b"PAR1"
LESS = "Keep fewer examples in it"
PLAINLY = f"{LESS}, or where few values repeat write it without dictionaries (`use_dictionary=False` of pyarrow)"


def refuse_large(path: Path) -> None:
    """Raise ValueError if a local file has more bytes than are read, or is packed."""
    if (size := path.stat().st_size) > FILE_BYTES:
        raise ValueError(f"{path}: {size:,} bytes; at most {FILE_BYTES:,} are read. {LESS}.")
    if (kind := packed_as(path)) not in (None, PARQUET):
        raise ValueError(f"{path}: the file is packed ({kind}), and packed files are not read. Unpack it first.")


def refuse_large_parquet(path: Path, columns: Sequence[str] | None = None) -> None:
    """Raise ValueError if columns of a Parquet file, or all, may come to more bytes than are read, or it is damaged."""
    try:
        total = parquet_bytes(path, FILE_BYTES, columns)
    except (DamagedPages, pa.ArrowException, OSError) as error:
        raise ValueError(f"{path}: damaged or no Parquet file: {error}") from error
    if total > FILE_BYTES:
        raise ValueError(f"{path}: {path.stat().st_size:,} bytes that unpack to {_more(FILE_BYTES)}. {PLAINLY}.")


def refuse_bombs(where: str, key: str, files: Iterable[Path], most: int) -> None:
    """Raise ValueError if packed files, each or together, come to more than is read.

    Args:
        where: what the files are of, for the message.
        key: of the config, that says ``most``.
        most: bytes that one file may come to; all together may come to ``TOGETHER`` times as much.
    """
    total = 0
    for path in files:
        if (kind := packed_as(path)) is None:
            continue
        counted = _bytes_of(where, path, kind, most)
        total += counted
        named = f"{where}: {path.name}, {path.stat().st_size:,} bytes,"
        if counted > most:
            raise ValueError(f"{named} unpacks to {_more(most)}; `{key}` says how many.")
        if total > TOGETHER * most:
            raise ValueError(
                f"{named} and those before it unpack to {_more(TOGETHER * most)}: {TOGETHER} times `{key}`."
            )


def _bytes_of(where: str, path: Path, kind: str, most: int) -> int:
    """Bytes that a packed file comes to.

    Raises:
        ValueError: it is of a kind that is not read, or damaged.
    """
    if kind not in COUNTED:
        raise ValueError(
            f"{where}: {path.name} is packed ({kind}); only {', '.join(COUNTED)} and plain files are read."
        )
    try:
        return COUNTED[kind](path, most)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile, pa.ArrowException) as error:
        raise ValueError(f"{where}: {path.name} cannot be unpacked ({kind}): {error}") from error


def packed_as(path: Path) -> str | None:
    """How a file is packed, by its first and last bytes; None for one that is not."""
    with open(path, "rb") as stream:
        first = stream.read(TAR_AT + len(TAR))
        stream.seek(max(path.stat().st_size - len(PARQUET_END), 0))
        return _kind(first, stream.read(len(PARQUET_END)))


def _kind(first: bytes, last: bytes) -> str | None:
    named = next((kind for begins, kind in BEGINNINGS.items() if first.startswith(begins)), None)
    if named is None and first[TAR_AT:] == TAR:
        return "tar"
    return PARQUET if named is None and last == PARQUET_END else named


def _more(most: int) -> str:
    return f"more than {most:,} bytes; at most that many are read"


def _of_gzip(path: Path, most: int) -> int:
    with gzip.open(path, "rb") as stream:
        return _counted([("its content", stream)], most)


def _of_zip(path: Path, most: int) -> int:
    with zipfile.ZipFile(path) as archive:
        return _counted(
            ((member.filename, archive.open(member)) for member in archive.infolist() if not member.is_dir()), most
        )


def _counted(streams: Iterable[tuple[str, BinaryIO]], most: int) -> int:
    """Bytes of streams, counted until they are more than ``most``.

    Raises:
        ValueError: one holds what is packed itself.
    """
    total = 0
    for name, stream in streams:
        piece = first = stream.read(PIECE)
        last = b""
        while piece:
            total, last = total + len(piece), (last + piece)[-len(PARQUET_END) :]
            if total > most:
                return total
            piece = stream.read(PIECE)
        if (kind := _kind(first[: TAR_AT + len(TAR)], last[-len(PARQUET_END) :])) is not None:
            raise ValueError(f"{name} is packed itself ({kind})")
    return total


COUNTED = {GZIP: _of_gzip, ZIP: _of_zip, PARQUET: parquet_bytes}
