"""Ask Snakemake which jobs a study has, and which of them it would start now and why: two dry runs."""

import functools
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from peftport.paths import pipeline_root

NEW = "not made yet"
IN_FULL = {"PEFTPORT_CONSOLE": "full"}  # the environment in which a dry run shows a job's files
# how Snakemake begins its reasons -> how a plan says them; the first that fits counts
REASONS = {
    "Missing output files": NEW,
    "Incomplete output files": "left unfinished",
    "Params have changed": "settings or code changed",
    "Set of input files has changed": "reads other files than before",
    "Code has changed": "rule changed",
    "Software environment": "environment changed",
    "Updated input files": "reads a newer file",
    "Input files updated by another job": "reads what is made again",
}
HEAD = re.compile(r"^(?:localrule|rule|checkpoint) (\S+):$")
BLOCK = re.compile(r"_[0-9][0-9.-]*$")  # rules that are made per block of seeds
KIND = re.compile(r"^(?:\w*Error: )+")
ERROR = re.compile(r"^\w*(?:Error|Exception)\b.*:$")


class DryRunError(RuntimeError):
    """Snakemake could not plan the study."""


@dataclass(frozen=True)
class Job:
    """One job of a study.

    Attributes:
        stage: its rule, without the block of seeds.
        names: its wildcards.
        reason: why Snakemake would start it.
        inputs: files that it reads.
        outputs: files that it makes.
    """

    stage: str
    names: dict[str, str]
    reason: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


def dry_runs(configs: Sequence[Path], directory: Path) -> tuple[list[Job], list[Job]]:
    """All jobs of a study, and those that a run would start now, both in the order of the stages.

    Args:
        configs: config files, merged from left to right.
        directory: where the study runs; ``results/`` lies there.

    Raises:
        DryRunError: with Snakemake's message.
    """
    with ThreadPoolExecutor() as both:
        texts = list(both.map(lambda options: dry_run(configs, directory, options), (["--forceall"], [])))
    every, now = map(jobs, texts)
    order = depths(every)
    return sorted(every, key=lambda job: order[job.stage]), sorted(now, key=lambda job: order[job.stage])


def dry_run(configs: Sequence[Path], directory: Path, options: Sequence[str]) -> str:
    """What Snakemake prints in a dry run with these options.

    Raises:
        DryRunError: with Snakemake's message.
    """
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(pipeline_root() / "Snakefile")]
    study = ["--directory", str(directory), "--configfile", *map(str, configs)]
    done = subprocess.run(
        [*start, *study, "--dry-run", "--cores", "1", "--nocolor", "--quiet", "host", *options],
        env=os.environ | IN_FULL,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DryRunError(error_message(done.stdout))
    return done.stdout


def jobs(text: str) -> list[Job]:
    """The jobs that a dry run lists; the target that asks for all files is none."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        if head := HEAD.match(line):
            found.append((BLOCK.sub("", head[1]), {}))
        elif found and line.startswith("    "):
            field, _, value = line.strip().partition(": ")
            found[-1][1].setdefault(field, value)
    return [job_of(stage, fields) for stage, fields in found if stage != "all"]


def job_of(stage: str, fields: dict[str, str]) -> Job:
    """A job from the fields that Snakemake prints of it."""
    wildcards = dict(part.split("=", 1) for part in listed(fields, "wildcards"))
    return Job(stage, wildcards, reason_in(fields.get("reason", "")), listed(fields, "input"), listed(fields, "output"))


def listed(fields: dict[str, str], name: str) -> tuple[str, ...]:
    """The entries of a field; names and paths hold no comma."""
    return tuple(fields[name].split(", ")) if name in fields else ()


def depths(every: Sequence[Job]) -> dict[str, tuple[int, str]]:
    """For every stage, the longest way of one of its jobs from the beginning: the order of the stages."""
    maker = {file: job for job in every for file in job.outputs}

    @functools.cache
    def depth(output: str) -> int:
        return 1 + max((depth(maker[file].outputs[0]) for file in maker[output].inputs if file in maker), default=0)

    found: dict[str, int] = {}
    for job in every:
        found[job.stage] = max(found.get(job.stage, 0), depth(job.outputs[0]))
    return {stage: (number, stage) for stage, number in found.items()}


def reason_in(text: str) -> str:
    """The reason in the words of a plan."""
    given = text.split("; ")
    return next((ours for theirs, ours in REASONS.items() if any(one.startswith(theirs) for one in given)), given[0])


def error_message(text: str) -> str:
    """Snakemake's message, without what it says about itself before and where it stood after."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = next((number for number, line in enumerate(lines, 1) if ERROR.match(line)), len(lines) - 1)
    message = itertools.takewhile(lambda line: not line.startswith(("Wildcards:", "Traceback")), lines[start:])
    return KIND.sub("", " ".join(message))
