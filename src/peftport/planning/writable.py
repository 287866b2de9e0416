"""Whether a run can write where it has to, found out before any job starts."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

UNWRITABLE = """\
{folder} cannot be written ({why}{owner}). A run writes below {what}: become that user, get write permission, or copy \
the folder that holds results/ and .snakemake/ and run there (--directory)."""


def unwritable(folders: Iterable[Path]) -> str:
    """What to say of the first folder in which no file can be made, in one line; empty if there is none.

    Args:
        folders: that have to be written; of one that is not there yet, the nearest above it.
    """
    for folder in folders:
        place = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            return UNWRITABLE.format(folder=place, why=error.strerror, owner=_owner(place), what=folder)
    return ""


def _owner(path: Path) -> str:
    """Whose a path is, unless it is this user's."""
    try:
        return "" if path.stat().st_uid == os.getuid() else f"; it belongs to {path.owner()}"
    except (OSError, KeyError):
        return ""
