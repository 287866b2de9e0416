"""Training data without the texts of another dataset's test set."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.datasets import dataset_stage
from peftport.stages.sections import kind_code
from peftport.stages.stage import Needs, Stage
from peftport.study.study import Study
from peftport.tasks.table import ROWS


@dataclass(frozen=True)
class DecontaminateDataset(Stage):
    """The training splits of ``parent`` without the test texts of ``other``."""

    parent: str
    other: str

    FOLDER = "datasets/{parent}@without-{other}"
    FILES = {"train": "train.parquet", "validation": "validation.parquet"}
    CONSTRAINTS = {"other": r"[^/@]+?"}

    def needs(self, study: Study) -> Needs:
        parent = dataset_stage(self.parent)
        return {
            "train": parent.output("train"),
            "validation": parent.output("validation"),
            "test": dataset_stage(self.other).output("test"),
        }

    def code(self, study: Study) -> Sequence[str]:
        return kind_code(study, self.parent, ROWS)
