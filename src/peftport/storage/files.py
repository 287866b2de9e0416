"""Atomic writes of files, reading of JSON, and SHA-256 digests of files."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any


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
    left beside ``path`` is taken away.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{escape(path.name)}.*.partial"):
        if not _alive(left.name.rsplit(".", 2)[1]):
            left.unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:  # another user's
        pass
    return True


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
