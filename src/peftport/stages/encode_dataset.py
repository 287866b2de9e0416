"""The prompts of one split of a dataset as token ids of one host."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.datasets import dataset_stage
from peftport.stages.encode_labels import EncodeLabels
from peftport.stages.identify_host import host_inputs
from peftport.stages.sections import host_code, kind_code, task
from peftport.stages.stage import Needs, Output, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.derived_datasets import root
from peftport.study.study import Study
from peftport.tasks.table import PROMPTS


@dataclass(frozen=True)
class EncodeDataset(Stage):
    """A split as a host reads it, in training and in tests."""

    host: str
    dataset: str
    split: str

    FOLDER = "hosts/{host}/prompts/{dataset}"
    FILES = {"prompts": "{split}.parquet"}
    CONSTRAINTS = {"split": "train|validation|test"}

    def needs(self, study: Study) -> Needs:
        labels = EncodeLabels(self.host, root(self.dataset)).output("labels")
        examples = dataset_stage(self.dataset).output(self.split)
        return {**host_inputs(study, self.host, "host"), "labels": labels, "examples": examples}

    def settings(self, study: Study) -> JsonObject:
        return {"task": task(study, self.dataset), "max_tokens": study.config.training.max_tokens}

    def code(self, study: Study) -> Sequence[str]:
        return [*host_code(study, self.host), *kind_code(study, self.dataset, PROMPTS)]


def prompts(host: str, dataset: str, *splits: str) -> dict[str, Output]:
    """The prompts of these splits, by the name of the split."""
    return {split: EncodeDataset(host, dataset, split).output("prompts") for split in splits}
