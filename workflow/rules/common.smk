"""What all rules share: the checked config, its stages, and how the terminal shows a run."""

import atexit
import gc
import os
import sys
import time
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from peftport.planning.beginning import RefusedRun, begin_run
from peftport.planning.commits import keep_commits
from peftport.planning.console import closing, set_terminal
from peftport.planning.events import write_events
from peftport.planning.graph import Graph
from peftport.planning.leftovers import remove_checkpoints
from peftport.planning.pinned import pinned, unresolved
from peftport.planning.rules import Rules, with_signature
from peftport.planning.unrecorded import Unrecorded
from peftport.storage.code_stamp import PARSED, keep_parsed
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study

BEGAN = time.monotonic()
gc.set_threshold(50_000)  # planning makes many objects and little garbage
os.environ.setdefault(PARSED, str(Path.cwd() / ".snakemake" / "peftport" / "parsed" / "code.json"))
if workflow.is_main_process:
    atexit.register(keep_parsed)  # a dry run has no `onstart`
    set_terminal(logger)
    write_events(logger)

try:
    STUDY = pinned(Study(read_settings(config, Path.cwd()), Path.cwd()), logger.warning)
    STAGES = Rules(Graph(STUDY), Unrecorded(workflow, logger).settle)
except (ConfigError, FileNotFoundError) as error:
    logger.error(str(error))  # a WorkflowError would be wrapped in the place where it was raised
    sys.exit(1)

UNFIT = ""  # why no job may start
if workflow.is_main_process:
    try:
        UNFIT = begin_run(STUDY.name, sys.argv) or unresolved(STUDY)
    except RefusedRun as error:
        logger.error(str(error))
        sys.exit(1)
    if UNFIT:
        logger.warning(UNFIT)

if library.is_dir():  # the scripts' processes run a checkout's own library as well
    os.environ.update(PYTHONPATH=str(library))
# Where the jobs of this run find its fork server. A job on a cluster's node is a run of its own, and has none.
os.environ.update(PEFTPORT_RUN=str(os.getpid()) if workflow.is_main_process else "")


wildcard_constraints:
    technique=r"[^/]+?",
    host=r"[^/]+?",
    source_host=r"[^/]+?",
    target_host=r"[^/]+?",
    dataset=r"[^/]+?",
    source_dataset=r"[^/]+?",
    target_dataset=r"[^/]+?",
    parent=r"[^/]+?",
    map=r"[^/]+?",
    initialisation=r"[a-z_]+",
    block=r"[0-9.-]+|any",


def growing(amount):
    """A resource that grows with every attempt of a job: the amount, twice the amount, ..."""
    return with_signature(lambda wildcards, attempt: amount * attempt)


onstart:
    keep_parsed()
    if UNFIT and not workflow.touch:
        raise WorkflowError(UNFIT)
    if workflow.is_main_process:
        keep_commits(Path.cwd(), run=True)
