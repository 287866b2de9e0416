"""Verify a study that has run: every file of it, the tables that must agree, and what it read from outside."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from peftport.jobs.inputs import Fault, input_of, take_aside
from peftport.planning.graph import Graph
from peftport.planning.pinned import pinned
from peftport.planning.sums import sum_faults
from peftport.planning.wholeness import stage_faults
from peftport.stages.stage import Stage
from peftport.study.config import ConfigError
from peftport.study.read import read_study

ASIDE = (".damaged", ".stale")  # how files are called that an earlier fault has set aside


@dataclass(frozen=True)
class Verified:
    """What was found in the files of a study.

    Attributes:
        results: the folder of its results, from where it runs.
        files: how many files of the study are there, those in folders too.
        faults: what is wrong with files of the study.
        outside: what is wrong with files that the study read from outside: hosts and data.
        set_aside: files and folders that earlier faults have set aside.
    """

    study: str
    results: str
    files: int
    faults: list[Fault]
    outside: list[Fault]
    set_aside: list[str]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults and not self.outside


def read_graph(configs: Sequence[Path]) -> Graph:
    """The stages of the study that runs in the working directory.

    Args:
        configs: config files, merged from left to right; none for the default study.

    Raises:
        ConfigError: the config is wrong, or a file that it names is absent.
    """
    graph = Graph(pinned(read_study(configs, Path.cwd())))
    try:
        for stage in graph.every_stage:
            graph.key(stage)
    except FileNotFoundError as error:
        raise ConfigError(str(error)) from None
    return graph


def verify_study(graph: Graph) -> Verified:
    """Verify the files of a study, which runs in the working directory; nothing is changed."""
    faults: dict[Path, Fault] = {}  # the first of each file
    with ThreadPoolExecutor() as pool:
        for of_stage in pool.map(lambda stage: _stage_faults(graph, stage), graph.every_stage):
            for fault in of_stage:
                faults.setdefault(fault.path, fault)
    outputs = study_outputs(graph)
    for fault in sum_faults(graph, {input_of(path, outputs) for path in faults} - {None}):
        faults.setdefault(fault.path, fault)
    within = {path: input_of(path, outputs) is not None for path in faults}
    results = Path(graph.below_results(""))
    return Verified(
        study=graph.study.name,
        results=str(results),
        files=len(every_file(graph)),
        faults=[fault for path, fault in faults.items() if within[path]],
        outside=[fault for path, fault in faults.items() if not within[path]],
        set_aside=sorted(str(path) for ending in ASIDE for path in results.rglob(f"*{ending}")),
    )


def study_outputs(graph: Graph) -> dict[str, Stage]:
    """The outputs of all stages by their paths, from where the study runs; an output may be a folder."""
    return {path: stage for stage in graph.every_stage for path in graph.outputs(stage).values()}


def files_of(output: str) -> list[Path]:
    """The files of an output that are there: itself, or those in it if it is a folder; none that are hidden."""
    path = Path(output)
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))


def every_file(graph: Graph) -> list[Path]:
    """The files of the study that are there, sorted."""
    return sorted({file for output in study_outputs(graph) for file in files_of(output)})


def _stage_faults(graph: Graph, stage: Stage) -> list[Fault]:
    """What is wrong with the outputs of a stage; a file that cannot be opened is a fault as well."""
    try:
        return stage_faults(graph, stage)
    except OSError as error:
        path = error.filename or next(iter(graph.outputs(stage).values()))
        return [Fault(Path(path), f"cannot be read: {error.strerror}")]


def set_wrong_aside(graph: Graph, faults: Sequence[Fault]) -> list[tuple[str, str]]:
    """Rename every output of the study in which a fault is, so that the next run makes it again.

    A folder that is one output is renamed as a whole. What earlier faults have set aside stays.

    Returns:
        The outputs and their new paths.
    """
    outputs = study_outputs(graph)
    places = dict.fromkeys(input_of(fault.path, outputs) for fault in faults)
    moved = []
    for place in places:
        if place is not None and os.path.lexists(place):
            aside = _free(place)
            take_aside(place, aside)
            moved.append((str(place), str(aside)))
    return moved


def _free(place: Path) -> Path:
    """Where an output is set aside: ``<name>.damaged``, or with a number if an earlier fault has left that."""
    names = [f"{place}{ASIDE[0]}", *(f"{place}.{number}{ASIDE[0]}" for number in range(2, 1000))]
    return next(Path(name) for name in names if not os.path.lexists(name))
