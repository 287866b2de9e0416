"""Atomic writes of files, reading of JSON, and SHA-256 digests of files."""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

from peftport.storage.processes import alive, host_name

ABANDONED_SECONDS = 24 * 3600.0  # without a write, of a partial file of another host


class DamagedFile(ValueError):
    """A file of the study that is not what was written: cut short, changed, or unreadable.

    Attributes:
        path: the file.
        why: how that was seen.
    """

    def __init__(self, path: str | Path, why: str) -> None:
        self.path, self.why = Path(path), why
        super().__init__(f"{path} is damaged: {why}.")


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; rename it to ``path`` once the block has ended well.

    A block that raises leaves nothing behind, so a file under its final name is always complete. What a killed process
    left beside ``path`` is taken away (``abandoned``). The name of the partial file says host, process and a random
    part, so that writers on several hosts of a shared file system never share one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{escape(path.name)}.*.partial"):
        if abandoned(left):
            left.unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.{host_name()}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def abandoned(partial: Path) -> bool:
    """Whether nobody writes a partial file any more.

    That is so if its process was of this host and is dead. Of another host's process nobody here knows; its file counts
    as abandoned when nothing was written to it for a day.
    """
    _, host, process, _, _ = [*[""] * 5, *partial.name.rsplit(".", 4)][-5:]
    if host == host_name() and process.isdigit():
        return not alive(int(process))
    try:
        return time.time() - partial.stat().st_mtime > ABANDONED_SECONDS
    except FileNotFoundError:  # its writer was done
        return False


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text as an atomic write."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON with sorted keys, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        DamagedFile: it is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise DamagedFile(path, "it is nested too deeply") from None
    except ValueError as error:
        raise DamagedFile(path, str(error)) from error


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_digests(folder: str | Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the files of these names in a folder."""
    return {name: file_digest(Path(folder) / name) for name in sorted(names)}


def check_files(folder: str | Path, files: dict[str, str], what: str = "it was written") -> None:
    """Check that files of a folder are what they were.

    Args:
        files: name to SHA-256.

    Raises:
        DamagedFile: one is missing or changed.
    """
    folder = Path(folder)
    for name, digest in files.items():
        if not (folder / name).is_file():
            raise DamagedFile(folder / name, f"it is not there any more, though it was when {what}")
        if file_digest(folder / name) != digest:
            raise DamagedFile(folder / name, f"its checksum is not the one of when {what}")
