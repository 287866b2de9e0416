"""What every workflow script does around its one call: log, check what it reads, say how its files were made."""

import contextlib
import gc
import logging
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from safetensors import SafetensorError

from peftport import __version__
from peftport.jobs.controlling_run import end_with_run
from peftport.jobs.cost import write_cost
from peftport.jobs.fork_client import NOTES
from peftport.jobs.inputs import check_inputs, explained
from peftport.jobs.signals import Stopped, heeding
from peftport.jobs.unchanged import unchanged
from peftport.storage.provenance import JsonObject, versions

# safetensors has an error of its own for a disk that is full
PLAIN = (ValueError, FileNotFoundError, FloatingPointError, OSError, SafetensorError)
WITHOUT_MEMORY = "Give the job more memory (mem_mb, ulimit -v), or let fewer jobs run at a time (--cores)."


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[JsonObject]:
    """Send output to the job's log, check what the job reads, turn errors into one clear message, say the cost.

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
            check_inputs(params.get("expects") or {})
            with heeding(), unchanged(snakemake.rule, params.get("code"), params.get("files")):
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
            _say(f"error ({where}): {explained(error, snakemake.input)}")
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


def is_lack_of_memory(error: Exception) -> bool:
    """Whether memory ran out: Python's own error, or torch's, which has no type of its own on a CPU."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "not enough memory" in str(error)


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
    """The handlers of Python's loggers that write to a stream of their own. Libraries make them when they are imported.

    Handlers as Python's last resort, which some libraries attach, are none: they write to whatever ``sys.stderr`` is.
    """
    every = [logging.root, *logging.root.manager.loggerDict.values()]
    loggers = [logger for logger in every if isinstance(logger, logging.Logger)]
    attached = [handler for logger in loggers for handler in logger.handlers]
    last = type(logging.lastResort)
    return [own for own in attached if isinstance(own, logging.StreamHandler) and not isinstance(own, last)]
