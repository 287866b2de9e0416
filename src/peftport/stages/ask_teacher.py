"""What a source host with its modules answers to the texts of a target dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.encode_dataset import prompts
from peftport.stages.extract_modules import modules_of
from peftport.stages.identify_host import host_inputs
from peftport.stages.sections import answer_code, host_code, kind_code, method_code, task, tested_by
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.entries import Source
from peftport.study.study import Study
from peftport.tasks.table import PROMPTS


@dataclass(frozen=True)
class AskTeacher(Stage, Source):
    """The answers of a block of source modules to one target dataset; students in any target host learn from them."""

    target_dataset: str

    FOLDER = "teachers/{technique}/{host}/{dataset}--{target_dataset}/seeds-{block}"
    FILES = {"answers": "answers.parquet"}

    def needs(self, study: Study) -> Needs:
        return {
            **host_inputs(study, self.host),
            **prompts(self.host, self.target_dataset, "train", "validation"),
            "modules": modules_of(study, Source(self.technique, self.host, self.dataset, self.block)),
        }

    def settings(self, study: Study) -> JsonObject:
        return {
            "seeds": study.seeds_of(self.block),
            "training": tested_by(study, self.host),
            "task": task(study, self.target_dataset),
            "batch_size": study.config.evaluation.batch_size,
            "texts": study.config.distil.texts,
        }

    def code(self, study: Study) -> Sequence[str]:
        kind = kind_code(study, self.target_dataset, PROMPTS)
        answers = answer_code(study, self.host)
        return [*method_code(study, self.technique), *kind, *host_code(study, self.host), *answers]
