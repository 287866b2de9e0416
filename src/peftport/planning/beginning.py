"""What Snakemake's own process does once the study is read, before any job: is the folder fit for a run?"""

import atexit
from collections.abc import Sequence
from pathlib import Path

from peftport.jobs.address_space import too_little_address_space
from peftport.jobs.controlling_run import remove_folders_of_dead_runs, remove_own_folder
from peftport.planning.clock import late
from peftport.planning.living_runs import REFUSED, living_runs, note_run
from peftport.planning.writable import unwritable

NO_FOLDER = "expected a folder {folder}, it is a file: run in another folder (--directory), or move that file."


class RefusedRun(RuntimeError):
    """A run that cannot work in its folder, or that would harm another."""


def begin_run(study: str, arguments: Sequence[str]) -> str:
    """Look at the folder, note the run, and take away what killed runs have left among the temporary files.

    Args:
        study: the study's name.
        arguments: of the command line.

    Returns:
        Why no job may start, in one line; empty if all may.

    Raises:
        RefusedRun: Snakemake cannot even plan here, or was told to free files of a living run.
    """
    for folder in (Path("results"), Path("results") / study):
        if folder.exists() and not folder.is_dir():
            raise RefusedRun(NO_FOLDER.format(folder=folder))
    if message := unwritable([Path(".snakemake")]):
        raise RefusedRun(message)
    if "--unlock" in arguments and (others := living_runs()):
        raise RefusedRun(REFUSED.format(runs="; ".join(map(str, others))))
    note_run(study)
    remove_folders_of_dead_runs()
    atexit.register(remove_own_folder)
    results = f"results/{study}"
    little = too_little_address_space()
    return unwritable([Path(results)]) or late(results) or (little and f"{little[0].upper()}{little[1:]}.")
