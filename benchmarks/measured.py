"""Run commands and say what they cost: wall time, CPU time of everything that they started, what the machine is."""

import contextlib
import ctypes
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from peftport.storage.processes import process_facts

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time and of CPU time (user and system)."""

    wall: float
    cpu: float


def measure(commands: Sequence[Sequence[str]], together: int, folder: Path, log: Path) -> Cost:
    """Run commands, so many together, and wait for all that they leave behind (a fork server, for example).

    Linux only: this process becomes the parent of what its children leave.

    Raises:
        RuntimeError: a command failed; the message has its end.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before, began, others = _children_cpu(), time.monotonic(), _children()
    with ThreadPoolExecutor(together) as pool:
        list(pool.map(lambda command: run(command, folder, log), commands))
    _wait_for_orphans(others)
    return Cost(time.monotonic() - began, _children_cpu() - before)


def run(command: Sequence[str], folder: Path, log: Path) -> None:
    """Run one command in ``folder``; its output is added to ``log``.

    Raises:
        RuntimeError: it failed.
    """
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(command)}\n{done.stdout}\n")
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}")


def snakemake(folder: Path, config: Path, *options: str) -> list[str]:
    """The snakemake command of a study."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    return [*start, "--configfile", str(config), "--workflow-profile", str(ROOT / "profiles/default"), *options]


def machine() -> str:
    """The machine, in words."""
    cpu = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return (
        f"{os.cpu_count()} cores ({cpu}), {memory / 2**20:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}; load average at the start {os.getloadavg()[0]:.1f}"
    )


def write_results(name: str, text: str, folder: Path = RESULTS) -> Path:
    """Write a dated Markdown page of results."""
    path = folder / f"{date.today().isoformat()}-{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _children() -> set[int]:
    everyone = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    return {process for process in everyone if (facts := process_facts(process)) and int(facts[1]) == os.getpid()}


def _wait_for_orphans(others: set[int]) -> None:
    """Wait for the children that came since; ``others`` are those of before, which may live on."""
    while orphans := _children() - others:
        for process in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)
