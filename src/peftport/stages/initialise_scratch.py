"""The technique's fresh initialisation in a target host."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.identify_host import host_inputs
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.sections import form, host_code, method_code
from peftport.stages.stage import Needs
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class InitialiseScratch(ModuleFolders):
    """What `scratch` starts from, for one block of seeds, ``seed-<n>`` each; it has no source."""

    technique: str
    host: str
    block: str

    FOLDER = "starts/{technique}/{host}/scratch"
    FOLDERS = {"starts": "seeds-{block}"}

    def needs(self, study: Study) -> Needs:
        return host_inputs(study, self.host)

    def settings(self, study: Study) -> JsonObject:
        return {"technique": form(study, self.technique), "seeds": study.seeds_of(self.block)}

    def code(self, study: Study) -> Sequence[str]:
        return [*method_code(study, self.technique), *host_code(study, self.host)]
