"""Files of a study that Snakemake has no record of, and that are not what the study asks for.

Snakemake keeps its records in the hidden folder ``.snakemake``. Where they are lost, as in results that were copied
without it, it takes every file that is there for good, whatever config it was made with. The files themselves say
which they are and how they were made, so these are looked at, and only where there is no record.
"""

import os
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake.persistence import PersistenceBase
from snakemake.persistence.file import FilePersistence

from peftport.jobs.inputs import Fault, input_of, take_aside
from peftport.planning.events import WARNED
from peftport.planning.graph import Graph
from peftport.planning.keyed import key_faults
from peftport.planning.living_runs import locks

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
        if not executes or locks():
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
    outputs = {stage: graph.outputs(stage).values() for stage in graph.every_stage}
    lacking = [path for paths in outputs.values() for path in paths if not recorded(persistence, path)]
    there = {path for path in lacking if os.path.exists(path)}
    there -= persistence._filter_incomplete_keys(there)
    wrong: dict[str, list[Fault]] = {}
    for stage, paths in outputs.items():
        if there.intersection(paths):
            for fault in key_faults(graph, stage):
                wrong.setdefault(str(input_of(fault.path, paths)), []).append(fault)
    return wrong


def warning(wrong: dict[str, list[Fault]], dry: bool) -> str:
    """What is said of such outputs: how many, and what is wrong with the first ones."""
    first = [f"\n  {faults[0].path} {faults[0].why}" for faults in list(wrong.values())[:SHOWN]]
    then = "a run makes them again" if dry else "they now lie in *.damaged, and are made again"
    more = "\n  ..." if len(wrong) > SHOWN else ""
    return f"{len(wrong)} outputs without a record in .snakemake are not this study's; {then}:{''.join(first)}{more}"
