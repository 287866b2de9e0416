"""A module that exists already, as the study's own modules are: a peft directory for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.stages.identify_host import host_inputs
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.sections import host_code, method_code
from peftport.stages.stage import Needs
from peftport.storage.provenance import JsonObject
from peftport.study.entries import Source
from peftport.study.existing import adapter_files
from peftport.study.study import Study


@dataclass(frozen=True)
class AdmitModule(ModuleFolders, Source):
    """The module of somebody else's training, checked in its host; the seeds of a block all hold the same one."""

    FOLDER = "admitted/{technique}/{host}/{dataset}"
    FOLDERS = {"modules": "seeds-{block}"}

    def needs(self, study: Study) -> Needs:
        return host_inputs(study, self.host)

    def settings(self, study: Study) -> JsonObject:
        return {
            "seeds": study.seeds_of(self.block),
            "technique": study.config.techniques[self.technique].as_json(),
            "origin": study.config.modules[self.technique].as_json(),
            "labels": study.config.datasets[self.dataset].words if study.config.hosts[self.host].classifies else None,
        }

    def code(self, study: Study) -> Sequence[str]:
        return [*method_code(study, self.technique), *host_code(study, self.host)]

    def files(self, study: Study) -> Sequence[Path]:
        return adapter_files(study.config.modules[self.technique], study.folder)
