"""The plan of a study before anything runs: runs, trainings, jobs, what is there, steps, downloads."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peftport.hosts.chat_templates import found_template
from peftport.paths import pipeline_root
from peftport.planning.commits import Commits, keep_commits, known_commits, name_of
from peftport.planning.dry_run import Job, dry_runs
from peftport.planning.pinned import pinned
from peftport.planning.processor import slow_bfloat16
from peftport.planning.reasons import NEW
from peftport.prompting.chat import template_digest
from peftport.prompting.lengths import cut_notes, read_lengths
from peftport.storage.hub import cached_commit
from peftport.study.chats import chatting
from peftport.study.classification import head_notes
from peftport.study.distillation import distil_notes
from peftport.study.entries import Cell, Source, Start
from peftport.study.precisions import own_precisions
from peftport.study.read import read_study, refuse_unless_folder
from peftport.study.study import Study
from peftport.study.training_steps import (
    build_steps,
    cell_steps,
    optimiser_steps,
    source_steps,
    start_steps,
    warmup_warnings,
)

TRAINS_HOSTS = ("build_host", "further_train_host")


@dataclass(frozen=True)
class Trainings:
    """Trainings as jobs and as modules, one per seed."""

    jobs: int
    modules: int


@dataclass(frozen=True)
class HostTrainings:
    """Hosts that the study makes by training, one a job."""

    jobs: int


@dataclass(frozen=True)
class TrainingsByKind:
    """Trainings of hosts, of source modules, and in target hosts."""

    host: HostTrainings
    source: Trainings
    target: Trainings


@dataclass(frozen=True)
class OptimiserSteps:
    """Optimiser steps of modules and of hosts: of the whole study, and of what is to do."""

    modules: int
    modules_to_do: int
    hosts: int
    hosts_to_do: int


@dataclass(frozen=True)
class JobNumbers:
    """Numbers of jobs."""

    all: int
    up_to_date: int
    to_do: int


@dataclass(frozen=True)
class StageJobs:
    """The numbers of a stage's jobs, and how many are to do for which reason."""

    stage: str
    jobs: int
    up_to_date: int
    to_do: int
    reasons: dict[str, int]


@dataclass(frozen=True)
class MadeAgain:
    """A job whose files are there and out of date: its stage, its wildcards, the reason."""

    stage: str
    names: dict[str, str]
    reason: str


@dataclass(frozen=True)
class Download:
    """A host or dataset (``kind``) of a hub.

    Attributes:
        commit: what its revision is now; None if nobody knows it.
        in_cache: its commit in the local cache; None where it is absent.
    """

    kind: str
    name: str
    id: str
    revision: str
    commit: str | None
    in_cache: str | None


@dataclass(frozen=True)
class Plan:
    """What a study asks for, what of it is there, and what would run.

    Attributes:
        results: the folder of its results, from where it runs.
        runs: rows of ``runs.parquet``.
        references: rows of ``references.parquet``.
        warnings: sentences.
        chat_templates: hosts to the SHA-256 of the chat template that prompts go through, None where it is not known
            yet; empty if no dataset asks for it.
        precisions: hosts to the numbers of their weights; empty if none has a precision of its own.
    """

    study: str
    results: str
    runs: int
    references: int
    trainings: TrainingsByKind
    optimiser_steps: OptimiserSteps
    jobs: JobNumbers
    stages: list[StageJobs]
    made_again: list[MadeAgain]
    downloads: list[Download]
    warnings: list[str]
    chat_templates: dict[str, str | None] = field(default_factory=dict)
    precisions: dict[str, str] = field(default_factory=dict)


def make_plan(configs: Sequence[Path], directory: Path) -> Plan:
    """The plan of a study.

    Args:
        configs: config files, merged from left to right; none for the default study.
        directory: where the study runs; ``results/`` lies there.

    Raises:
        ConfigError: the config is wrong.
        DryRunError: Snakemake cannot plan it.
    """
    refuse_unless_folder(directory)
    configs = configs or [pipeline_root() / "config" / "config.yaml"]
    study, said = read_study(configs, directory), []
    pinned(study, said.append)  # before the dry runs, which are told of the commits
    keep_commits(directory, run=False)
    every, now, warnings = dry_runs([path.resolve() for path in configs], directory)
    return Plan(
        study=study.name,
        results=f"results/{study.name}",
        runs=run_rows(study, every),
        references=reference_rows(study, every),
        trainings=trainings(study, every),
        optimiser_steps=OptimiserSteps(
            modules=optimiser_steps(study),
            modules_to_do=module_steps(study, now),
            hosts=host_steps(study, every),
            hosts_to_do=host_steps(study, now),
        ),
        jobs=JobNumbers(all=len(every), up_to_date=len(every) - len(now), to_do=len(now)),
        stages=by_stage(every, now),
        made_again=[MadeAgain(job.stage, job.names, job.reason) for job in now if job.reason != NEW],
        downloads=downloads(study, known_commits()),
        warnings=[
            *warmup_warnings(study.budgets, study.config.training.warmup_steps),
            *head_notes(study),
            *distil_notes(study),
            *slow_bfloat16(study),
            *cuts(every, now, directory),
            *said,
            *warnings,
        ],
        chat_templates=chat_templates(study),
        precisions=own_precisions(study),
    )


def chat_templates(study: Study) -> dict[str, str | None]:
    """Hosts to the SHA-256 of their chat templates, None where it is not known yet; empty if the study has no chat."""
    if not chatting(study):
        return {}
    known = {host: found_template(host, study.config.hosts, study.folder) for host in study.hosts}
    return {host: found and template_digest(found.template) for host, found in known.items()}


def cuts(every: Sequence[Job], now: Sequence[Job], directory: Path) -> list[str]:
    """A sentence for every split whose prompts are written, and were cut."""
    to_do = {output for job in now for output in job.outputs}
    written = [file for job in every if job.stage == "encode_dataset" for file in job.outputs if file not in to_do]
    return cut_notes(read_lengths(directory / file for file in written))


def cells_of(jobs: Sequence[Job]) -> list[Cell]:
    """The cells that jobs evaluate."""
    return [Cell(**job.names) for job in jobs if job.stage == "evaluate_cell"]


def sources_of(jobs: Sequence[Job]) -> list[Source]:
    """The sources that jobs train."""
    return [Source(**job.names) for job in jobs if job.stage == "train_source"]


def trained_starts(jobs: Sequence[Job]) -> list[Start]:
    """The starts that jobs train."""
    return [Start(**job.names) for job in jobs if job.stage == "distil_starts"]


def run_rows(study: Study, every: Sequence[Job]) -> int:
    """Rows that the evaluations of the DAG give to ``runs.parquet``."""
    counted = Counter(done for _, done in study.expanded_runs())
    return sum(counted[cell] * len(study.budgets) * len(study.seeds_of(cell.block)) for cell in cells_of(every))


def reference_rows(study: Study, every: Sequence[Job]) -> int:
    """Rows that the evaluations of the DAG give to ``references.parquet``."""
    probed = set(study.probed)
    references = [cell for cell in cells_of(every) if cell.is_reference and cell not in probed]
    return sum(len(study.seeds_of(cell.block)) for cell in references)


def trainings(study: Study, every: Sequence[Job]) -> TrainingsByKind:
    """The trainings that jobs are."""

    def of(blocks: list[str]) -> Trainings:
        return Trainings(jobs=len(blocks), modules=sum(len(study.seeds_of(block)) for block in blocks))

    return TrainingsByKind(
        host=HostTrainings(sum(job.stage in TRAINS_HOSTS for job in every)),
        source=of([source.block for source in sources_of(every)]),
        target=of(
            [
                *(start.block for start in trained_starts(every)),
                *(cell.block for cell in cells_of(every) if cell_steps(study, cell)),
            ]
        ),
    )


def module_steps(study: Study, jobs: Sequence[Job]) -> int:
    """Optimiser steps that jobs take in trainings of modules."""
    sources = sum(source_steps(study, source) for source in sources_of(jobs))
    starts = sum(start_steps(study, start) for start in trained_starts(jobs))
    return sources + starts + sum(cell_steps(study, cell) for cell in cells_of(jobs))


def host_steps(study: Study, jobs: Sequence[Job]) -> int:
    """Optimiser steps that jobs take in trainings of hosts."""
    return sum(build_steps(study, job.names["host"]) for job in jobs if job.stage in TRAINS_HOSTS)


def by_stage(every: Sequence[Job], now: Sequence[Job]) -> list[StageJobs]:
    """For each stage the number of its jobs, of those up to date, and of those to do with their reasons."""
    numbers, to_do = Counter(job.stage for job in every), Counter(job.stage for job in now)
    return [
        StageJobs(
            stage=stage,
            jobs=number,
            up_to_date=number - to_do[stage],
            to_do=to_do[stage],
            reasons=dict(Counter(job.reason for job in now if job.stage == stage)),
        )
        for stage, number in numbers.items()
    ]


def downloads(study: Study, known: Commits) -> list[Download]:
    """Hosts and datasets of a hub, each with its commit in the local cache; without a network.

    Args:
        known: the commits of their revisions.
    """
    hubs = [("host", name, study.config.hosts[name].hub) for name in study.hosts]
    hubs += [("dataset", name, study.config.datasets[name].source.hub) for name in study.read_datasets]
    listed = [
        (kind, name, hub, known.get(name_of(kind, hub.id, hub.revision))) for kind, name, hub in hubs if hub is not None
    ]
    return [
        Download(kind, name, hub.id, hub.revision, commit, cached_commit(kind, hub.id, commit or hub.revision))
        for kind, name, hub, commit in listed
    ]
