"""Checkpoints that no job of the study would go on from."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from peftport.storage.files import abandoned

ENDING = ".safetensors"


def remove_checkpoints(results: Path, logs: Iterable[str]) -> list[Path]:
    """Take away the checkpoints of jobs that the study does not ask for, and folders that are then empty.

    A cell that was killed and then left the grid has such a one. Those of the study's own jobs stay: each job removes
    its own. Called after a run that ended well.

    Args:
        results: the folder of the study's results.
        logs: the logs of all jobs that the study asks for, below that folder: ``logs/<stage>/<wildcards>.log``.

    Returns:
        The checkpoints that were taken away.
    """
    asked = {Path("checkpoints", *Path(log).parts[1:]).with_suffix(ENDING) for log in logs}
    removed = []
    for folder, _, names in os.walk(results / "checkpoints", topdown=False):
        for path in (Path(folder) / name for name in names):
            if path.suffix == ENDING and path.relative_to(results) not in asked:
                removed.append(path)
            elif path.suffix != ".partial" or not abandoned(path):
                continue
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # something is left in it
            os.rmdir(folder)
    return removed
