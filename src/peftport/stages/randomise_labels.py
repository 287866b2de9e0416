"""The same texts with their labels shuffled within each split."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.datasets import dataset_stage
from peftport.stages.sections import kind_code
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.derived_datasets import root
from peftport.study.study import Study
from peftport.tasks.table import ROWS


@dataclass(frozen=True)
class RandomiseLabels(Stage):
    """The training splits of ``parent`` with shuffled labels."""

    parent: str

    FOLDER = "datasets/{parent}@random"
    FILES = {"train": "train.parquet", "validation": "validation.parquet"}

    def needs(self, study: Study) -> Needs:
        parent = dataset_stage(self.parent)
        return {split: parent.output(split) for split in self.FILES}

    def settings(self, study: Study) -> JsonObject:
        return {"seed": study.config.datasets[root(self.parent)].split.seed}

    def code(self, study: Study) -> Sequence[str]:
        return kind_code(study, self.parent, ROWS)
