"""Ask Snakemake which jobs a study has, and which of them it would start now and why: two dry runs."""

import functools
import itertools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from peftport.paths import pipeline_root
from peftport.planning.events import ASKED, JobFacts, read_events
from peftport.planning.reasons import reason_in
from peftport.stages.table import STAGES

KIND = re.compile(r"^(?:\w*Error: )+")
ERROR = re.compile(r"^\w*(?:Error|Exception)\b.*:$")


class DryRunError(RuntimeError):
    """Snakemake could not plan the study."""


@dataclass(frozen=True)
class Job:
    """One job of a study.

    Attributes:
        stage: its rule.
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
        every, now = both.map(lambda options: dry_run(configs, directory, options), (["--forceall"], []))
    order = depths(every)
    return sorted(every, key=lambda job: order[job.stage]), sorted(now, key=lambda job: order[job.stage])


def dry_run(configs: Sequence[Path], directory: Path, options: Sequence[str]) -> list[Job]:
    """The jobs of a dry run with these options; targets, which only ask for files, are none.

    Raises:
        DryRunError: with Snakemake's message.
    """
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(pipeline_root() / "Snakefile")]
    study = ["--directory", str(directory), "--configfile", *map(str, configs)]
    with tempfile.TemporaryDirectory(prefix="peftport-plan-") as folder:
        events = Path(folder) / "events.jsonl"
        done = subprocess.run(
            [*start, *study, "--dry-run", "--cores", "1", "--nocolor", "--quiet", "host", *options],
            env=os.environ | {ASKED: str(events)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DryRunError(error_message(done.stdout))
        return [job_of(facts) for facts in read_events(events) if facts.rule_name in STAGES]


def job_of(facts: JobFacts) -> Job:
    """A job from the facts that Snakemake tells of it."""
    files = (tuple(facts.input), tuple(facts.output))
    return Job(facts.rule_name, facts.wildcards, reason_in(facts.reason), *files)


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


def error_message(text: str) -> str:
    """Snakemake's message, without what it says about itself before and where it stood after."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    start = next((number for number, line in enumerate(lines, 1) if ERROR.match(line)), len(lines) - 1)
    message = itertools.takewhile(lambda line: not line.startswith(("Wildcards:", "Traceback")), lines[start:])
    return KIND.sub("", " ".join(message))
