"""What every workflow script does around its one call: log, check what it reads, say how its files were made."""

import contextlib
import gc
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peftport import __version__
from peftport.cost import write_cost
from peftport.files import read_json
from peftport.provenance import versions
from peftport.tables import read_made

PLAIN = (ValueError, FileNotFoundError, FloatingPointError, OSError)


class StaleInputError(ValueError):
    """A file that an earlier config or an earlier version of the code made."""


def key_of(path: Path) -> str | None:
    """The key that a Parquet file, or a JSON card, says it was made with; of a host's card, the key of the host."""
    made = read_made(path) if path.suffix == ".parquet" else read_json(path)
    return made.get("host_key", made.get("key"))


def check_keys(expected: dict[str, str]) -> None:
    """Compare the keys in files with those they should have.

    Args:
        expected: paths to keys.

    Raises:
        StaleInputError: the first file that was made otherwise.
    """
    for path, key in expected.items():
        if (found := key_of(Path(path))) != key:
            raise StaleInputError(
                f"{path} was made with other settings or other code (its key is {found}, expected {key}). "
                "Delete it; the next run makes it again."
            )


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[dict[str, Any]]:
    """Send output to the job's log, check the keys of its inputs, turn errors into one clear message, say the cost.

    Yields:
        How the job's files are made: key, stage, wildcards, versions, time.
    """
    gc.enable()
    params, began = snakemake.params, time.monotonic()
    Path(snakemake.log[0]).parent.mkdir(parents=True, exist_ok=True)
    with open(snakemake.log[0], "w", encoding="utf-8") as log, _redirected(log):
        try:
            check_keys(params.get("expects") or {})
            yield {
                "key": params.key,
                "stage": snakemake.rule,
                "names": dict(snakemake.wildcards.items()),
                "peftport": __version__,
                "versions": versions() | {"python": platform.python_version()},
                "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "threads": snakemake.threads,
            }
        except PLAIN as error:
            where = ", ".join([snakemake.rule, *(f"{name} {value}" for name, value in snakemake.wildcards.items())])
            print(f"error ({where}): {error}", flush=True)
            if os.environ.get("PEFTPORT_TRACEBACK"):
                traceback.print_exc()
            raise SystemExit(1) from None
        except Exception:
            traceback.print_exc()
            raise SystemExit(1) from None
        write_cost(Path(snakemake.log[0]), began)
        print(f"done in {time.monotonic() - began:.1f} s", flush=True)


@contextlib.contextmanager
def _redirected(stream: Any) -> Iterator[None]:
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield
    sys.stdout.flush()
