"""A job computes with the code and the data that its key names, and with nothing else.

The key of a job is computed when a run is planned. A library that is edited, or a data file that is replaced, while
the run goes on would give files under a key that is not theirs, and nobody would see it once the edit is taken back.
So a job computes the stamp of its code from the files when it begins, and the digests of its data files. By then
Python has loaded most of the code; a file that was written since the process began stops the job, whatever it holds.
At the end the job looks at what was read later: modules that were loaded meanwhile, and data.
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from peftport.jobs.cost import process_began
from peftport.paths import script_file
from peftport.storage.code_stamp import script_stamp, stamped_files
from peftport.storage.files import file_digest

LOADED_AT = time.time()
AGAIN = "run the same command again"


class ChangedMeanwhile(ValueError):
    """Code or data are not those of the job's key."""


@contextlib.contextmanager
def unchanged(rule: str, code: list[str] | None, files: dict[str, str] | None) -> Iterator[None]:
    """Hold the code and the data of a job against its key, before the block and after it.

    Args:
        rule: the name of its script.
        code: the stamp of its code, then the modules that it reaches by name; None checks none.
        files: data files from outside the study to their SHA-256.

    Raises:
        ChangedMeanwhile: with the first file that changed, as far as it is known.
    """
    data = {path: _state(Path(path)) for path in files or {}}
    for path, digest in (files or {}).items():
        if (found := file_digest(path)) != digest:
            raise ChangedMeanwhile(f"{path} changed after this run was planned (SHA-256 {found}); {AGAIN}")
    library = _held_against(rule, *code) if code else {}
    loaded = set(sys.modules)
    yield
    for path, state in data.items():
        if _state(Path(path)) != state:
            raise ChangedMeanwhile(f"{path} changed while this job read it; {AGAIN}")
    late = [name for name in library if "/" in name or (name in sys.modules and name not in loaded)]
    if changed := [library[name][0] for name in late if _state(library[name][0]) != library[name][1]]:
        raise _code_changed(changed)


def _held_against(rule: str, stamp: str, *modules: str) -> dict[str, tuple[Path, tuple]]:
    """The files behind the stamp of a job's code with their states, once the stamp is found to be that of its key."""
    script = script_file(rule)
    library = {name: (path, _state(path)) for name, path in stamped_files(script, *modules).items()}
    since, now = _began(), time.time()
    recent = [path for path, _ in library.values() if since < path.stat().st_ctime <= now]
    if recent or script_stamp(script, *modules) != stamp:
        raise _code_changed(recent)
    return library


def _began() -> float:
    """When this process began, by the clock of files, seconds."""
    began = process_began()
    return LOADED_AT if began is None else time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - began)


def _state(path: Path) -> tuple[int, int, int]:
    """What moves whenever a file is written or replaced, whatever is done to its times."""
    facts = path.stat()
    return facts.st_ctime_ns, facts.st_size, facts.st_ino


def _code_changed(files: list[Path]) -> ChangedMeanwhile:
    which = f" ({', '.join(path.name for path in files[:3])})" if files else ""
    return ChangedMeanwhile(f"the library's code changed while this study runs{which}; {AGAIN}")
