"""Training data without the texts of another dataset's test set."""

from dataclasses import dataclass

from peftport.stages.datasets import dataset_stage
from peftport.stages.stage import Needs, Stage
from peftport.study.study import Study


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
