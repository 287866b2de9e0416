"""What every workflow script does around its one call: log, check what it reads, say how its files were made."""

import contextlib
import errno
import gc
import logging
import os
import platform
import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from safetensors import SafetensorError

from peftport import __version__
from peftport.jobs.controlling_run import end_with_run
from peftport.jobs.cost import write_cost
from peftport.jobs.fork_client import NOTES
from peftport.jobs.signals import Stopped, heeding
from peftport.storage.cards import read_card
from peftport.storage.files import DamagedFile
from peftport.storage.parquet import read_provenance
from peftport.storage.provenance import JsonObject, versions

# safetensors has an error of its own for a disk that is full
PLAIN = (ValueError, FileNotFoundError, FloatingPointError, OSError, SafetensorError)


NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
WITHOUT_PERMISSION = "Get write permission, or copy the folder of the study and run there (--directory)."
WITHOUT_MEMORY = "Give the job more memory (mem_mb, ulimit -v), or let fewer jobs run at a time (--cores)."


class StaleInputError(ValueError):
    """A file that an earlier config or an earlier version of the code made."""


def key_of(path: Path) -> str | None:
    """The key that a Parquet file, or a JSON card, says it was made with."""
    provenance = read_provenance(path) if path.suffix == ".parquet" else read_card(path)
    return provenance.get("key")


def check_keys(expected: dict[str, str]) -> None:
    """Compare the keys in files with those they should have.

    Args:
        expected: paths to keys.

    Raises:
        StaleInputError: the first file that was made otherwise.
    """
    for path, key in expected.items():
        if (written := key_of(Path(path))) != key:
            raise StaleInputError(
                f"{path} was made with other settings or other code (its key is {written}, expected {key}). "
                "Delete it; the next run makes it again."
            )


def explained(error: Exception, snakemake: Any) -> str:
    """What to say of an expected error; a damaged input that the study made is taken out of the way.

    The next run then makes it anew; of an input that is a folder, the whole. Files that are no inputs of the job's
    rule, such as those of a host from elsewhere, stay where they are. Another job that reads the same file at that
    moment does not find it, and says why.
    """
    if getattr(error, "errno", None) in NO_PERMISSION:
        return f"{error}. {WITHOUT_PERMISSION}"
    path = getattr(error, "path", None) or getattr(error, "filename", None)
    given = None if path is None else input_of(path, snakemake.input)
    if given is None:
        return str(error)
    aside = Path(f"{given}.damaged")
    remedy = f"now lies in {aside.name}; run the same command again to remake it."
    if isinstance(error, DamagedFile) or (given.is_dir() and not Path(path).exists()):
        take_aside(given, aside)
        what = "It" if os.path.normpath(path) == str(given) else f"Its folder {given}"
        why = getattr(error, "why", "it is not there any more")
        return f"{path} is damaged: {why}. {what} {remedy}"
    return f"{path} was found damaged and {remedy}" if aside.exists() else str(error)


def is_lack_of_memory(error: Exception) -> bool:
    """Whether memory ran out: Python's own error, or torch's, which has no type of its own on a CPU."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "not enough memory" in str(error)


def input_of(path: str | Path, inputs: Iterable[str]) -> Path | None:
    """The input of a rule that a file is, or that it lies in."""
    file = Path(os.path.normpath(path))
    places = {file, *file.parents}
    return next((place for given in inputs if (place := Path(os.path.normpath(given))) in places), None)


def take_aside(path: Path, aside: Path) -> None:
    """Rename a file or a folder; what an earlier fault has left under the new name goes."""
    with contextlib.suppress(FileNotFoundError):  # another job was faster
        if path.is_dir() and aside.is_dir():
            shutil.rmtree(aside)
        os.replace(path, aside)


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[JsonObject]:
    """Send output to the job's log, check the keys of its inputs, turn errors into one clear message, say the cost.

    Yields:
        How the job's files are made: key, stage, wildcards, versions, time.
    """
    gc.enable()
    end_with_run()
    params, began = snakemake.params, time.monotonic()
    with _log(Path(snakemake.log[0])) as log, _redirected(log):
        for note in NOTES:
            _say(note)
        try:
            check_keys(params.get("expects") or {})
            with heeding():
                yield {
                    "key": params.key,
                    "stage": snakemake.rule,
                    "names": dict(snakemake.wildcards.items()),
                    "peftport": __version__,
                    "versions": versions() | {"python": platform.python_version()},
                    "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                    "threads": snakemake.threads,
                }
        except Stopped as stopped:
            _say(str(stopped))
            raise
        except PLAIN as error:
            where = ", ".join([snakemake.rule, *(f"{name} {value}" for name, value in snakemake.wildcards.items())])
            _say(f"error ({where}): {explained(error, snakemake)}")
            if os.environ.get("PEFTPORT_TRACEBACK"):
                _say(traceback.format_exc())
            raise SystemExit(1) from None
        except Exception as error:
            if is_lack_of_memory(error):
                _say(f"error ({snakemake.rule}): {str(error) or 'no memory left'}. {WITHOUT_MEMORY}")
            else:
                _say(traceback.format_exc())
            raise SystemExit(1) from None
        with contextlib.suppress(OSError):  # a full disk: the job's own files stand
            write_cost(Path(snakemake.log[0]), began)
        _say(f"done in {time.monotonic() - began:.1f} s")


@contextlib.contextmanager
def _log(path: Path) -> Iterator[TextIO]:
    """The job's log; where none can be written (a full disk), the terminal."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - closed below, whatever the disk says
    except OSError:
        yield sys.__stderr__
        return
    try:
        yield log
    finally:
        with contextlib.suppress(OSError):
            log.close()


def _say(message: str) -> None:
    try:
        print(message, flush=True)
    except OSError:  # the disk that the log is on is full
        print(message, file=sys.__stderr__, flush=True)


@contextlib.contextmanager
def _redirected(stream: Any) -> Iterator[None]:
    """Send what is printed to a stream, and what libraries log on the terminal, such as transformers' warnings."""
    terminal = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    moved = [(handler, handler.stream) for handler in _handlers() if handler.stream in terminal]
    for handler, _ in moved:
        handler.setStream(stream)
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
    finally:
        for handler, before in moved:
            with contextlib.suppress(OSError):  # a full disk; `setStream` would flush first, and keep the log's stream
                handler.flush()
            handler.stream = before


def _handlers() -> list[logging.StreamHandler]:
    """The handlers of Python's loggers that write to a stream. Libraries make them when they are imported."""
    every = [logging.root, *logging.root.manager.loggerDict.values()]
    loggers = [logger for logger in every if isinstance(logger, logging.Logger)]
    return [handler for logger in loggers for handler in logger.handlers if isinstance(handler, logging.StreamHandler)]
