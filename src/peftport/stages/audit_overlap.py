"""Texts that two splits of datasets share: the leak audit."""

from dataclasses import dataclass

from peftport.stages.datasets import splits
from peftport.stages.stage import Needs, Stage
from peftport.study.study import Study


@dataclass(frozen=True)
class AuditOverlap(Stage):
    """The audit of all datasets of the config whose texts the grid, a host's further training or a map reads."""

    FOLDER = "datasets"
    FILES = {"table": "overlap.parquet"}

    def needs(self, study: Study) -> Needs:
        return {"splits": [split for name in study.read_datasets for split in splits(name)]}

    def settings(self, study: Study) -> dict[str, list[str]]:
        return {"datasets": study.read_datasets}
