"""Files of a study that Snakemake has no record of, and that are not what the study asks for.

Snakemake keeps its records in the hidden folder ``.snakemake``. Where they are lost, as in results that were copied
without it, it takes every file that is there for good, whatever config it was made with. The files themselves say
which they are and how they were made, so these are looked at, and only where there is no record.
"""

import os
from collections.abc import Iterator
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake.persistence import PersistenceBase
from snakemake.persistence.file import FilePersistence

from peftport.jobs.inputs import Fault, faults_of, input_of, take_aside
from peftport.planning.events import WARNED
from peftport.planning.graph import Graph
from peftport.stages.stage import Stage

if TYPE_CHECKING:  # it cannot be imported by itself
    from snakemake.workflow import Workflow

SHOWN = 3


class Unrecorded:
    """Looks for such files once, when Snakemake asks for the first job's inputs: it then knows what it is to do.

    Args:
        workflow: Snakemake's.
        logger: Snakemake's.
    """

    def __init__(self, workflow: "Workflow", logger: Logger) -> None:
        self.workflow, self.logger = workflow, logger
        self.settled = False

    def settle(self, graph: Graph) -> None:
        """Take such outputs out of the way, so that a run makes them again; in a dry run only say so.

        Nothing is moved while another run is at work in the folder.
        """
        if self.settled:
            return
        self.settled, workflow = True, self.workflow
        executes = workflow.is_main_process and workflow.executor_plugin is not None
        if not executes or any(Path(".snakemake").glob("locks/*.lock")):
            return
        if wrong := wrong_unrecorded(graph, workflow.persistence):
            dry = workflow.dryrun or workflow.touch
            for path in [] if dry else wrong:
                take_aside(Path(path), Path(f"{path}.damaged"))
            workflow.iocache.clear()  # what is there now
            self.logger.warning(warning(wrong, dry), extra={WARNED: True})


def recorded(persistence: PersistenceBase, path: str) -> bool:
    """Whether Snakemake has a record of an output, by its path from where the study runs.

    To look for the file of a record takes a hundredth of the time of reading it.
    """
    if isinstance(persistence, FilePersistence):
        return os.path.exists(persistence._record_path(persistence._metadata_path, path))
    return persistence._read_record(path) is not None


def wrong_unrecorded(graph: Graph, persistence: PersistenceBase) -> dict[str, list[Fault]]:
    """The outputs of the study's stages that are wrong and of which there is no record, each with its faults.

    The study runs in the working directory. Outputs of a job that was killed are left to Snakemake, which knows of
    them. Of an output in which no key stands, the others of its stage tell.
    """
    stages = [stage for stages in graph.stages.values() for stage in stages]
    lacking = [path for stage in stages for path in outputs(graph, stage) if not recorded(persistence, path)]
    there = {path for path in lacking if os.path.exists(path)}
    there -= persistence._filter_incomplete_keys(there)
    wrong: dict[str, list[Fault]] = {}
    for stage in stages:
        if there.intersection(paths := outputs(graph, stage)):
            for fault in _faults(graph, stage):
                wrong.setdefault(str(input_of(fault.path, paths)), []).append(fault)
    return wrong


def outputs(graph: Graph, stage: Stage) -> list[str]:
    """The paths of a stage's outputs, from where the study runs."""
    return [graph.path(stage.output(name)) for name in (*stage.FILES, *stage.FOLDERS)]


def _faults(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """What is wrong with the outputs of a stage that are there."""
    for name in (*stage.FILES, *stage.FOLDERS):
        if os.path.exists(graph.path(stage.output(name))):
            for file in stage.with_key(name, graph.study):
                yield from faults_of(Path(graph.below_results(file)), graph.key(stage))


def warning(wrong: dict[str, list[Fault]], dry: bool) -> str:
    """What is said of such outputs: how many, and what is wrong with the first ones."""
    first = [f"\n  {faults[0].path} {faults[0].why}" for faults in list(wrong.values())[:SHOWN]]
    then = "a run makes them again" if dry else "they now lie in *.damaged, and are made again"
    more = "\n  ..." if len(wrong) > SHOWN else ""
    return f"{len(wrong)} outputs without a record in .snakemake are not this study's; {then}:{''.join(first)}{more}"
