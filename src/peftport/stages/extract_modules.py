"""Each module of a source alone, as a peft directory."""

from dataclasses import dataclass

from peftport.stages.admit_module import AdmitModule
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.stage import Needs, Output
from peftport.stages.train_source import TrainSource
from peftport.study.entries import Source
from peftport.study.study import Study


@dataclass(frozen=True)
class ExtractModules(ModuleFolders, Source):
    """The module directories of one block of seeds, ``seed-<n>`` each."""

    FOLDER = "modules/{technique}/{host}/{dataset}"
    FOLDERS = {"modules": "seeds-{block}"}

    def needs(self, study: Study) -> Needs:
        source = TrainSource(**self.names)
        return {"state": source.output("state"), "config": source.output("config")}

    def settings(self, study: Study) -> dict[str, list[int]]:
        return {"seeds": study.seeds_of(self.block)}


def modules_of(study: Study, source: Source) -> Output:
    """The module directories of a source: what the study trains, or what exists already."""
    stage = AdmitModule if study.exists(source) else ExtractModules
    return stage(source.technique, source.host, source.dataset, source.block).output("modules")
