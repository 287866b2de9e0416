"""Which runs live in a folder, and the locks of those that do not.

Snakemake locks files, not folders: ``.snakemake/locks/<number>.input.lock`` and ``...output.lock`` list what a run
reads and makes, without saying whose they are, and its ``--unlock`` takes away all of them. So each run notes itself
beside them, with host, process and study. A lock whose files are of a living run's study stays; any other is of a
killed run.
"""

import atexit
import contextlib
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from peftport.storage.files import DamagedFile, read_json, write_json
from peftport.storage.processes import alive, beginning_of, host_name

FOLDER, LOCKS = Path(".snakemake/peftport"), Path(".snakemake/locks")
REFUSED = (
    "A run is at work in this folder, and --unlock would free its files too: {runs}. "
    "`peftport --unlock` frees those of killed runs alone."
)


@dataclass(frozen=True)
class Run:
    """A run of Snakemake.

    Attributes:
        study: its study.
        host: the host that it runs on.
        process: its process id there.
        began: when the process began, as ``beginning_of`` says.
        since: the same as local time.
    """

    study: str
    host: str
    process: int
    began: str
    since: str

    @property
    def note(self) -> Path:
        """Where it notes itself, from the folder in which it runs."""
        return FOLDER / f"{self.host}.{self.process}.json"

    def lives(self) -> bool:
        """Whether it lives, as far as this host knows: of another host's processes it knows nothing."""
        return self.host != host_name() or alive(self.process, self.began)

    def __str__(self) -> str:
        said = f"study {self.study}, process {self.process} on {self.host}, since {self.since}"
        unknown = f" (not to be seen from {host_name()}; if it is dead, remove {self.note})"
        return said + (unknown if self.host != host_name() else "")


def note_run(study: str, folder: Path = Path()) -> None:
    """Note this process as a run of the study, until it ends; notes of killed runs of this host are taken away."""
    run = Run(study, host_name(), os.getpid(), beginning_of(os.getpid()), time.strftime("%Y-%m-%d %H:%M"))
    path = (folder / run.note).absolute()
    with contextlib.suppress(OSError):  # a folder that cannot be written; Snakemake says so
        for left in _notes(folder):
            if (other := _read(left)) is None or not other.lives():
                left.unlink(missing_ok=True)
        write_json(path, asdict(run))
        atexit.register(path.unlink, missing_ok=True)


def living_runs(folder: Path = Path()) -> list[Run]:
    """The runs in a folder that live, without this process."""
    every = [run for path in _notes(folder) if (run := _read(path)) is not None]
    return [run for run in every if run.lives() and (run.host, run.process) != (host_name(), os.getpid())]


def locks(folder: Path = Path()) -> list[Path]:
    """The lock files in a folder."""
    return sorted((folder / LOCKS).glob("*.lock"))


def locks_of_dead_runs(folder: Path = Path()) -> list[Path]:
    """The lock files that list no file of a living run's study."""
    held = tuple(f"results/{run.study}/" for run in living_runs(folder))
    return [path for path in locks(folder) if not any(line.startswith(held) for line in _lines(path))]


def _notes(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("*.json"))


def _read(path: Path) -> Run | None:
    with contextlib.suppress(DamagedFile, OSError, TypeError):
        return Run(**read_json(path))
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:  # its run has ended
        return []
