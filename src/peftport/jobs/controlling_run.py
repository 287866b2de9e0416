"""The Snakemake run that a job belongs to: which it is, the folder of its fork servers, and that jobs end with it."""

import contextlib
import os
import re
import select
import signal
import stat
import sys
import tempfile
import threading
from pathlib import Path

from peftport.storage.processes import alive, beginning_of, process_facts

RUN = "PEFTPORT_RUN"  # set by the Snakefile: the process id of Snakemake
FOLDER = re.compile(r"peftport-(\d+)-(\d+)")


def controlling_run() -> tuple[int, str] | None:
    """Process id and beginning of the Snakemake process that this job descends from, if the Snakefile has named it."""
    named, process = os.environ.get(RUN, ""), os.getpid()
    while named and process > 1 and (facts := process_facts(process)) is not None:
        if str(process) == named:
            return process, facts[19]
        process = int(facts[1])
    return None


def end_with_run() -> None:
    """Let this process be killed as soon as its Snakemake run has ended, as the fork server does with its children.

    Else a job would go on to its end after its controller was killed, and write what its successor writes. Linux only.

    Raises:
        SystemExit: the run has ended already.
    """
    named = os.environ.get(RUN, "")
    if not sys.platform.startswith("linux") or any(thread.name == RUN for thread in threading.enumerate()):
        return
    if named.isdigit() and not alive(int(named)):
        raise SystemExit(f"error: the run that started this job, process {named}, has ended")
    if (run := controlling_run()) is not None:
        with contextlib.suppress(OSError):  # an old kernel
            ended = os.pidfd_open(run[0])
            threading.Thread(target=_kill_after, args=(ended,), name=RUN, daemon=True).start()


def _kill_after(ended: int) -> None:
    select.select([ended], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


def servers_folder(run: int, began: str) -> Path:
    """The folder in which the fork servers of a run listen."""
    return Path(tempfile.gettempdir()) / f"peftport-{run}-{began}"


def is_private(folder: Path) -> bool:
    """Whether a path is a folder of this user, and no link, that nobody else may enter."""
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o077


def remove_servers_folder(folder: Path) -> None:
    """Take away the folder of a run's fork servers, if it is there and private; it holds no folders."""
    with contextlib.suppress(OSError):
        if is_private(folder):
            for path in folder.iterdir():
                path.unlink(missing_ok=True)
            folder.rmdir()


def remove_folders_of_dead_runs() -> None:
    """Take away the folders that killed runs, with killed fork servers, have left among the temporary files."""
    for folder in Path(tempfile.gettempdir()).glob("peftport-*"):
        if (name := FOLDER.fullmatch(folder.name)) and not alive(int(name[1]), name[2]):
            remove_servers_folder(folder)


def remove_own_folder() -> None:
    """Take away the folder of this run; called by Snakemake's own process when it ends."""
    remove_servers_folder(servers_folder(os.getpid(), beginning_of(os.getpid())))
