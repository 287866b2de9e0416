"""What is wrong with the outputs of a stage in which a key stands, as the jobs that read them find it."""

import os
from collections.abc import Iterator
from pathlib import Path

from peftport.jobs.inputs import Fault, faults_of
from peftport.planning.graph import Graph
from peftport.stages.stage import Stage


def key_faults(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """What is wrong with those outputs of a stage that are there; the study runs in the working directory."""
    for name, path in graph.outputs(stage).items():
        if os.path.exists(path):
            for file in stage.with_key(name, graph.study):
                yield from faults_of(Path(graph.below_results(file)), graph.key(stage))
