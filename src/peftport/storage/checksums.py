"""Checksums of Parquet files: a SHA-256 over every bit, kept in the file itself.

The footer of a Parquet file keeps key-value metadata as plain bytes. One entry there reserves 64 characters. The hash
is taken over the whole file with zeros in these characters, and then written into them. So a file is checked before
any parser sees it, and any reader of Parquet can read it.
"""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from peftport.storage.files import DamagedFile

MAGIC = b"PAR1"
TAIL = 8  # length of the footer in four bytes, then MAGIC
MARK = "peftport checksum sha256:"
BLANK = "0" * 64
PIECE = 1 << 20

CHECKSUM_KEY = {"checksum": MARK + BLANK}  # goes into the key-value metadata of a file that will carry one


def add_checksum(path: str | Path) -> None:
    """Write the checksum into a Parquet file whose metadata hold ``CHECKSUM_KEY``.

    Raises:
        ValueError: the metadata reserve no characters for it.
    """
    with open(path, "r+b") as stream:
        at = _offset(stream)
        if at is None:
            raise ValueError(f"{path} has no place for a checksum")
        digest = _digest(stream, at)
        stream.seek(at)
        stream.write(digest.encode())


def verify_checksum(path: str | Path) -> None:
    """Verify a file's checksum; it is read in pieces.

    Raises:
        DamagedFile: it is cut short, has no checksum, or any bit of it is not what was written.
    """
    with open(path, "rb") as stream:
        if (at := _offset(stream)) is None:
            raise DamagedFile(path, "it is cut short, or no Parquet file with a checksum of ours")
        stream.seek(at)
        if stream.read(len(BLANK)).decode("ascii", "replace") != _digest(stream, at):
            raise DamagedFile(path, "its checksum is not that of its content")


def _offset(stream: BinaryIO) -> int | None:
    """The offset of the digest in the file, bytes; None if the file reserves no characters for one."""
    size = stream.seek(0, os.SEEK_END)
    if size < TAIL:
        return None
    stream.seek(size - TAIL)
    tail = stream.read(TAIL)
    begin = size - TAIL - int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or begin < 0:
        return None
    stream.seek(begin)
    mark = stream.read(size - TAIL - begin).rfind(MARK.encode())
    return None if mark < 0 else begin + mark + len(MARK)


def _digest(stream: BinaryIO, at: int) -> str:
    """SHA-256 of the file with zeros from ``at`` for the length of a digest."""
    digest, left = hashlib.sha256(), at
    stream.seek(0)
    while left and (piece := stream.read(min(PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    digest.update(BLANK.encode())
    stream.seek(at + len(BLANK))
    while piece := stream.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()
