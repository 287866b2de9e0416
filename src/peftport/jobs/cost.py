"""What a job cost, measured by the job itself.

Snakemake's ``benchmark`` looks at the process that it started, every half second and later every 30 seconds: it sees
nothing of a child of the fork server, and of a longer job's CPU time only a part.
"""

import os
import resource
import sys
import time
from pathlib import Path

from peftport.storage.files import write_text
from peftport.storage.processes import beginning_of

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
COLUMNS = ("wall_seconds", "cpu_seconds", "peak_mebibytes")


def cost_file(log: Path) -> Path:
    """Where a job's cost stands: ``results/<study>/benchmarks/<job>.tsv`` for ``results/<study>/logs/<job>.log``."""
    place = log.parts.index("results") + 2
    return Path(*log.parts[:place], "benchmarks", *log.parts[place + 1 :]).with_suffix(".tsv")


def process_began() -> float | None:
    """When this process began, on the clock CLOCK_BOOTTIME, seconds; None where the system does not say."""
    ticks = beginning_of(os.getpid())
    return int(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def cost(since: float) -> dict[str, float]:
    """Wall and CPU time of this process so far, its imports included, and its largest memory.

    Args:
        since: ``time.monotonic()`` at the job's beginning, for systems that do not tell when a process began.
    """
    used, began = resource.getrusage(resource.RUSAGE_SELF), process_began()
    wall = time.monotonic() - since if began is None else time.clock_gettime(time.CLOCK_BOOTTIME) - began
    return dict(
        zip(COLUMNS, (wall, used.ru_utime + used.ru_stime, used.ru_maxrss * BYTES_PER_UNIT / 2**20), strict=True)
    )


def write_cost(log: Path, since: float) -> None:
    """Write the cost of this job, one row under its column names."""
    row = cost(since)
    values = "\t".join(f"{value:.2f}" for value in row.values())
    write_text(cost_file(log), "\t".join(row) + f"\n{values}\n")
