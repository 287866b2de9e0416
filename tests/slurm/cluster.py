"""How the tests speak to the throw-away SLURM: its node, its queue, and snakemake with the profile that ships."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.studies import RESULTS, ROOT

NODE = Path(__file__).parent / "node.sh"
# the lines that docs/cluster.md tells a user to edit, for the partitions of node.sh; and its GPUs are pretend ones
EDITS = {
    "slurm_partition: cpu # EDIT": "slurm_partition: batch # EDIT",
    "slurm_partition: gpu # EDIT": "slurm_partition: accelerated # EDIT",
    "# cpu_instead: 1": "cpu_instead: 1",
}
IMPATIENT = ["--latency-wait=5", "--slurm-init-seconds-before-status-checks=1", "--seconds-between-status-checks=1"]
PORTABILITY = str(RESULTS / "tables/portability.parquet")
ASKED_FOR = [PORTABILITY, str(RESULTS / "costs/instruct/costs.parquet")]  # every rule whose jobs are queued has one
ASKED = "--Format=JobID:|,State:|,Partition:|,MinMemory:|,TimeLimit:|,tres-per-job:|,Comment:"
RUN = re.compile(r"SLURM run ID: (\S+)")
RULE = re.compile(r"rule_(?P<rule>[a-z]+(?:_[a-z]+)?)")


class Job(NamedTuple):
    """A job of the queue: its rule (or group), how it ended, and what it asked for."""

    number: int
    rule: str
    state: str
    partition: str
    memory: str
    time: str
    gpus: str


def node(word: str) -> subprocess.CompletedProcess:
    """Run node.sh with one word."""
    return subprocess.run([str(NODE), word], capture_output=True, text=True, check=False)


def edited_profile(folder: Path) -> Path:
    """The shipped profile in a folder of its own, with the lines edited that a user edits."""
    text = (ROOT / "profiles/slurm/profile.yaml").read_text()
    for old, new in EDITS.items():
        assert old in text
        text = text.replace(old, new)
    folder.mkdir()
    (folder / "profile.yaml").write_text(text)
    return folder


def for_small_hosts(profile: Path, folder: Path) -> Path:
    """That profile with the block for small hosts, which lets cells share a job."""
    text = (profile / "profile.yaml").read_text()
    block = re.search(r"# groups:\n(?:# .*\n)+", text)[0]
    folder.mkdir()
    (folder / "profile.yaml").write_text(text.replace(block, re.sub("(?m)^# ", "", block)))
    return folder


def start(folder: Path, profile: Path, *options: str) -> subprocess.Popen:
    """Start snakemake in ``folder`` through the queue, in a process group of its own; errors go to its output."""
    command = [sys.executable, "-m", "snakemake", *options, "--snakefile", str(ROOT / "Snakefile")]
    return subprocess.Popen(
        [*command, "--configfile", "study.yaml", "--workflow-profile", str(profile), *IMPATIENT],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, profile: Path, *options: str) -> subprocess.CompletedProcess:
    """Run snakemake through the queue to its end."""
    process = start(folder, profile, *options)
    printed, _ = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, printed)


def jobs(printed: str) -> list[Job]:
    """The jobs that a run of snakemake had in the queue, in the order of their submission."""
    asked = ["squeue", "--noheader", "--states=all", f"--name={RUN.search(printed)[1]}", ASKED]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.split("|") for line in lines]
    return sorted(Job(int(row[0]), RULE.match(row[-1])["rule"], *row[1:-1]) for row in rows)


def wait_for_job(process: subprocess.Popen, folder: Path) -> str:
    """The number of the job that a snakemake in ``folder`` has running, once it has one."""
    while process.poll() is None:
        asked = ["squeue", "--noheader", "--states=RUNNING", "--format=%A|%Z"]
        lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
        if running := [line.split("|")[0] for line in lines if line.split("|")[1] == str(folder)]:
            return running[0]
        time.sleep(0.2)
    raise AssertionError(process.communicate()[0])


def wait_until(happened: Callable[[], bool], seconds: float) -> None:
    """Wait until it has happened.

    Raises:
        TimeoutError: it has not, in so many seconds.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError):
            if happened():
                return
        time.sleep(0.2)
    raise TimeoutError(f"not within {seconds:.0f} s")


def kill(process: subprocess.Popen) -> None:
    """End snakemake, and no job, as a lost connection or a full memory does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
