"""The prompts of a mixture: drawn from those of its members, as one host reads them."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.encode_dataset import EncodeDataset, prompts
from peftport.stages.identify_host import host_inputs
from peftport.stages.sections import host_code, task
from peftport.stages.stage import Needs, Output, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.derived_datasets import root
from peftport.study.study import Study


@dataclass(frozen=True)
class MixPrompts(Stage):
    """A split of a mixture, or of one derived from it, to train on or to validate on."""

    host: str
    dataset: str
    split: str

    FOLDER = "hosts/{host}/mixtures/{dataset}"
    FILES = {"prompts": "{split}.parquet"}
    CONSTRAINTS = {"split": "train|validation"}

    def needs(self, study: Study) -> Needs:
        parts = study.parts(self.dataset).values()
        members = [EncodeDataset(self.host, part, self.split).output("prompts") for part in parts]
        return {**host_inputs(study, self.host, "host"), "members": members}

    def settings(self, study: Study) -> JsonObject:
        definition = study.config.datasets[root(self.dataset)]
        return {
            "tasks": {member: task(study, member) for member in study.parts(self.dataset)},
            "weights": definition.mixture,
            "examples": getattr(definition.examples, self.split),
            "seed": definition.split.seed,
        }

    def code(self, study: Study) -> Sequence[str]:
        return host_code(study, self.host)


def training_prompts(study: Study, host: str, dataset: str) -> dict[str, Output]:
    """The prompts that modules are trained and validated on in a host, by the name of the split."""
    if not study.parts(dataset):
        return prompts(host, dataset, "train", "validation")
    return {split: MixPrompts(host, dataset, split).output("prompts") for split in ("train", "validation")}
