"""What several tests read is made once in a test session, whichever of its processes asks first.

Where ``PEFTPORT_TESTS_MADE`` names a folder, it is made there and stays, for further sessions with the same code.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

MADE = "PEFTPORT_TESTS_MADE"


def session_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder that all processes of this test session share: with pytest-xdist the parent of a worker's own."""
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


def once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """Return the folder that ``fill`` has filled, in this process or in another one. Tests only read it.

    The others wait for a lock meanwhile. What an error left half filled is removed, and the next process that asks
    fills it anew. The folder has its last name from the start, because files in it may say where they lie.
    """
    shared = Path(os.environ.get(MADE) or session_folder(factory) / "once")
    shared.mkdir(exist_ok=True)
    folder, done = shared / name, shared / f"{name}.done"
    with open(shared / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, and when the process ends
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            done.touch()
    return folder
