"""What modules in a target host start from, fitted to texts in that host."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.porting.table import INITIALISATIONS
from peftport.stages.carry_starts import carrying_code
from peftport.stages.check_transfer import carrying
from peftport.stages.encode_dataset import EncodeDataset
from peftport.stages.extract_modules import modules_of
from peftport.stages.made_hosts import made_model
from peftport.stages.make_map import map_of
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.sections import carried_code, host_code, kind_code, task
from peftport.stages.stage import Needs
from peftport.storage.provenance import JsonObject
from peftport.study.entries import FITTED, Start
from peftport.study.study import Study
from peftport.tasks.table import PROMPTS


@dataclass(frozen=True)
class MatchStarts(ModuleFolders, Start):
    """The starts of one block of seeds, ``seed-<n>`` each, for initialisations that are fitted to a dataset's texts."""

    FOLDER = "starts/{technique}/{source_host}--{target_host}/{map}/{source_dataset}--{target_dataset}/{initialisation}"
    FOLDERS = {"starts": "seeds-{block}"}
    CONSTRAINTS = {"initialisation": "|".join(FITTED)}

    def needs(self, study: Study) -> Needs:
        return {
            "modules": modules_of(study, study.source_of(self)),
            **carrying(self.source_host, self.target_host, self.map, self.technique),
            "map": map_of(self.source_host, self.target_host, self.map),
            "model": made_model(study, self.target_host),
            "prompts": EncodeDataset(self.target_host, self.target_dataset, "train").output("prompts"),
        }

    def settings(self, study: Study) -> JsonObject:
        method = study.config.techniques[self.technique].method
        return {"seeds": study.seeds_of(self.block), "method": method, "task": task(study, self.target_dataset)}

    def code(self, study: Study) -> Sequence[str]:
        rule = INITIALISATIONS[self.initialisation]
        kind = kind_code(study, self.target_dataset, PROMPTS)
        code = [*carried_code(study, self.technique, self.map), *kind, *carrying_code(study, self)]
        return [rule, *dict.fromkeys([*code, *host_code(study, self.target_host)])]
