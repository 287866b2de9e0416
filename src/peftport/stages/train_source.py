"""Modules of one technique in one host on one dataset, for one block of seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.identify_host import host_inputs
from peftport.stages.mix_prompts import training_prompts
from peftport.stages.sections import host_code, method_code, task, training
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.entries import Source
from peftport.study.study import Study


@dataclass(frozen=True)
class TrainSource(Stage, Source):
    """A training of source modules."""

    FOLDER = "sources/{technique}/{host}/{dataset}/seeds-{block}"
    FILES = {"curve": "training.parquet", "state": "state.safetensors", "config": "card.json"}
    WITHOUT_KEY = frozenset({"state"})

    def needs(self, study: Study) -> Needs:
        return {**host_inputs(study, self.host), **training_prompts(study, self.host, self.dataset)}

    def settings(self, study: Study) -> JsonObject:
        return {
            "technique": study.config.techniques[self.technique].as_json(),
            "training": training(study, self.host),
            "task": task(study, self.dataset),
            "seeds": study.seeds_of(self.block),
        }

    def code(self, study: Study) -> Sequence[str]:
        return [*method_code(study, self.technique), *host_code(study, self.host)]
