"""The plan of a study before anything runs: runs, trainings, jobs, what is there, steps, downloads."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peftport.paths import pipeline_root
from peftport.planning.dry_run import Job, dry_runs
from peftport.planning.reasons import NEW
from peftport.storage.hub import cached_commit
from peftport.study.config import ConfigError
from peftport.study.grid import Cell, Source, Study
from peftport.study.read import read_study
from peftport.study.training_steps import build_steps, cell_steps, optimiser_steps, source_steps, warmup_warnings


def make_plan(configs: Sequence[Path], directory: Path) -> dict[str, Any]:
    """The plan of a study.

    Args:
        configs: config files, merged from left to right; none for the default study.
        directory: where the study runs; ``results/`` lies there.

    Raises:
        ConfigError: the config is wrong.
        DryRunError: Snakemake cannot plan it.
    """
    if not directory.is_dir():
        raise ConfigError(f"--directory {directory}: expected a folder, there is none.")
    configs = configs or [pipeline_root() / "config" / "config.yaml"]
    study = read_study(configs, directory)
    every, now, warnings = dry_runs([path.resolve() for path in configs], directory)
    return {
        "study": study.name,
        "results": f"results/{study.name}",
        **rows(study, every),
        "trainings": trainings(study, every),
        "optimiser_steps": {
            "modules": optimiser_steps(study),
            "modules_to_do": module_steps(study, now),
            "hosts": host_steps(study, every),
            "hosts_to_do": host_steps(study, now),
        },
        "jobs": {"all": len(every), "up_to_date": len(every) - len(now), "to_do": len(now)},
        "stages": by_stage(every, now),
        "made_again": [
            {"stage": job.stage, "names": job.names, "reason": job.reason} for job in now if job.reason != NEW
        ],
        "downloads": downloads(study),
        "warnings": [*warmup_warnings(study.config), *warnings],
    }


def cells_of(jobs: Sequence[Job]) -> list[Cell]:
    """The cells that jobs evaluate."""
    return [Cell(**job.names) for job in jobs if job.stage == "evaluate_cell"]


def sources_of(jobs: Sequence[Job]) -> list[Source]:
    """The sources that jobs train."""
    return [Source(**job.names) for job in jobs if job.stage == "train_source"]


def rows(study: Study, every: Sequence[Job]) -> dict[str, int]:
    """Rows that the evaluations of the DAG give to ``runs.parquet`` and ``references.parquet``."""
    counted = Counter(done for _, done in study.expanded_runs())
    cells = cells_of(every)
    return {
        "runs": sum(counted[cell] * len(study.budgets) * len(study.seeds_of(cell.block)) for cell in cells),
        "references": sum(len(study.seeds_of(cell.block)) for cell in cells if cell.is_reference),
    }


def trainings(study: Study, every: Sequence[Job]) -> dict[str, dict[str, int]]:
    """Trainings of hosts, of source modules and in target hosts, as jobs and as modules (one per seed)."""
    blocks = {
        "source": [source.block for source in sources_of(every)],
        "target": [cell.block for cell in cells_of(every) if cell_steps(study, cell)],
    }
    return {"host": {"jobs": sum(job.stage == "build_host" for job in every)}} | {
        kind: {"jobs": len(jobs), "modules": sum(len(study.seeds_of(name)) for name in jobs)}
        for kind, jobs in blocks.items()
    }


def module_steps(study: Study, jobs: Sequence[Job]) -> int:
    """Optimiser steps that jobs take in trainings of modules."""
    sources = sum(source_steps(study, source) for source in sources_of(jobs))
    return sources + sum(cell_steps(study, cell) for cell in cells_of(jobs))


def host_steps(study: Study, jobs: Sequence[Job]) -> int:
    """Optimiser steps that jobs take in building hosts."""
    return sum(build_steps(study, job.names["host"]) for job in jobs if job.stage == "build_host")


def by_stage(every: Sequence[Job], now: Sequence[Job]) -> list[dict[str, Any]]:
    """For each stage the number of its jobs, of those up to date, and of those to do with their reasons."""
    numbers, to_do = Counter(job.stage for job in every), Counter(job.stage for job in now)
    return [
        {
            "stage": stage,
            "jobs": number,
            "up_to_date": number - to_do[stage],
            "to_do": to_do[stage],
            "reasons": dict(Counter(job.reason for job in now if job.stage == stage)),
        }
        for stage, number in numbers.items()
    ]


def downloads(study: Study) -> list[dict[str, str | None]]:
    """Hosts and datasets of a hub, each with its commit in the local cache; without a network."""
    found = []
    for kind, names in (("host", study.hosts), ("dataset", study.datasets)):
        for name in names:
            entry = study.config[f"{kind}s"][name]
            if hub := entry.get("hub") or entry.get("source", {}).get("hub"):
                commit = cached_commit(kind, hub["id"], hub["revision"])
                found.append(
                    {"kind": kind, "name": name, "id": hub["id"], "revision": hub["revision"], "in_cache": commit}
                )
    return found
