"""What the rival has to do for a study: one script for each source module, one for each run and each reference."""

import json
import sys
from dataclasses import astuple
from pathlib import Path

from peftport.storage.files import read_json
from peftport.storage.provenance import JsonObject
from peftport.study.entries import Cell
from peftport.study.study import Study


def rival_jobs(study: Study, given: Path, folder: Path) -> dict[str, list[JsonObject]]:
    """The rival's jobs by kind, each a JSON value for its script: ``source``, then ``run``.

    Args:
        study: the grid.
        given: a folder with the study's hosts and datasets.
        folder: where the rival leaves modules and results.
    """
    sources = [
        common(study, given, source.technique, source.host, source.dataset)
        | {"seed": seed, "module": module(folder, source.technique, source.host, source.dataset, seed)}
        for source in study.sources
        for seed in study.blocks[source.block]
    ]
    cells = [counted for counted, _ in study.expanded_runs()] + [cell for cell in study.cells if cell.is_reference]
    runs = [run(study, given, folder, cell, budget, seed) for cell in cells for budget, seed in tests(study, cell)]
    return {"source": sources, "run": runs}


def tests(study: Study, cell: Cell) -> list[tuple[int, int]]:
    """Budgets and seeds of a cell: each is a run; a reference is tested only, the bare host once."""
    seeds = study.seeds_of(cell.block)
    if cell.initialisation == "bare":
        return [(0, seeds[0])]
    return [(budget, seed) for budget in ([0] if cell.is_reference else study.budgets) for seed in seeds]


def common(study: Study, given: Path, technique: str, host: str, dataset: str) -> JsonObject:
    """What both scripts are told."""
    definition, results = study.config.datasets[dataset], given / "results" / study.name
    return {
        "technique": study.config.techniques[technique].as_json() if technique in study.config.techniques else {},
        "training": study.config.training.as_json(),
        "threads": 1,
        "host": read_json(results / "hosts" / host / "host.json")["folder"],
        "train": str(results / "datasets" / dataset / "train.parquet"),
        "test": str(results / "datasets" / dataset / "test.parquet"),
        "template": definition.template,
        "words": sorted(set(definition.labels.values())),
    }


def run(study: Study, given: Path, folder: Path, cell: Cell, budget: int, seed: int) -> JsonObject:
    """One run or reference."""
    source_host = cell.target_host if cell.initialisation == "native" else cell.source_host
    dataset = cell.target_dataset if cell.initialisation == "native" else cell.source_dataset
    return common(study, given, cell.technique, cell.target_host, cell.target_dataset) | {
        "initialisation": cell.initialisation,
        "budget": budget,
        "seed": seed,
        "test_batch_size": study.config.evaluation.batch_size,
        "module": module(folder, cell.technique, source_host, dataset, seed),
        "result": result(folder, cell, budget, seed),
    }


def module(folder: Path, technique: str, host: str, dataset: str, seed: int) -> str:
    """Where the rival keeps a source module."""
    return str(folder / "modules" / technique / host / dataset / str(seed))


def result(folder: Path, cell: Cell, budget: int, seed: int) -> str:
    """Where the rival leaves the accuracy of a run."""
    return str(folder.joinpath(*astuple(cell)) / f"budget-{budget}-seed-{seed}.json")


def script_commands(kind: str, jobs: list[JsonObject], folder: Path) -> list[list[str]]:
    """Write each job's JSON file and give the commands that run them."""
    commands = []
    for number, job in enumerate(jobs):
        path = folder / f"{kind}-{number}.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        commands.append([sys.executable, "-m", f"benchmarks.rival.{kind}", str(path)])
    return commands
