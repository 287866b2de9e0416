"""What modules in a target host start from, trained there without labels by the answers of a source host."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.ask_teacher import AskTeacher
from peftport.stages.encode_dataset import prompts
from peftport.stages.identify_host import host_inputs
from peftport.stages.initialise_scratch import InitialiseScratch
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.sections import answer_code, host_code, kind_code, method_code, task, technique, trained_by
from peftport.stages.stage import Needs
from peftport.storage.provenance import JsonObject
from peftport.study.entries import TAUGHT, Start
from peftport.study.study import Study
from peftport.tasks.table import PROMPTS


@dataclass(frozen=True)
class DistilStarts(ModuleFolders, Start):
    """The starts of one block of seeds, ``seed-<n>`` each, and their loss curve; the two hosts may differ in all."""

    FOLDER = "starts/{technique}/{source_host}--{target_host}/{map}/{source_dataset}--{target_dataset}/{initialisation}"
    FILES = {"curve": "seeds-{block}.parquet"}
    FOLDERS = {"starts": "seeds-{block}"}
    CONSTRAINTS = {"initialisation": "|".join(TAUGHT)}

    def with_key(self, name: str, study: Study) -> list[str]:
        return [self.path(name)] if name in self.FILES else super().with_key(name, study)

    def needs(self, study: Study) -> Needs:
        source = study.source_of(self)
        teacher = AskTeacher(source.technique, source.host, source.dataset, source.block, self.target_dataset)
        return {
            **host_inputs(study, self.target_host),
            **prompts(self.target_host, self.target_dataset, "train", "validation"),
            "fresh": InitialiseScratch(self.technique, self.target_host, self.block).output("starts"),
            "answers": teacher.output("answers"),
        }

    def settings(self, study: Study) -> JsonObject:
        return {
            "seeds": study.seeds_of(self.block),
            "technique": technique(study, self.technique),
            "training": trained_by(study, self.target_host),
            "task": task(study, self.target_dataset),
            "steps": study.config.distil.steps,
        }

    def code(self, study: Study) -> Sequence[str]:
        kind = kind_code(study, self.target_dataset, PROMPTS)
        answers = answer_code(study, self.target_host)
        return [*method_code(study, self.technique), *kind, *host_code(study, self.target_host), *answers]
