"""What modules in a target host start from, made from the source's modules."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.porting.table import INITIALISATIONS
from peftport.stages.check_transfer import CheckTransfer
from peftport.stages.extract_modules import modules_of
from peftport.stages.identify_host import IdentifyHost
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.stage import Needs
from peftport.storage.provenance import JsonObject
from peftport.study.grid import ANY, FITTED, SHARED, TAUGHT, Start
from peftport.study.study import Study


@dataclass(frozen=True)
class MakeStarts(ModuleFolders):
    """The starts of one block of seeds, ``seed-<n>`` each, for initialisations that need no text."""

    technique: str
    source_host: str
    target_host: str
    source_dataset: str
    initialisation: str
    block: str

    FOLDER = "starts/{technique}/{source_host}--{target_host}/{source_dataset}/{initialisation}"
    FOLDERS = {"starts": "seeds-{block}"}
    CONSTRAINTS = {"initialisation": "|".join(sorted(set(INITIALISATIONS) - {*FITTED, *TAUGHT, SHARED}))}

    @property
    def start(self) -> Start:
        """The entry of the grid."""
        return Start(target_dataset=ANY, **self.names)

    def needs(self, study: Study) -> Needs:
        return {
            "modules": modules_of(study, study.source_of(self.start)),
            "siblings": [modules_of(study, source) for source in study.siblings_of(self.start)],
            **transfer(self.source_host, self.target_host),
        }

    def settings(self, study: Study) -> JsonObject:
        sources, seeds = study.siblings_of(self.start), study.seeds_of(self.block)
        return {
            "seeds": seeds,
            # seed to siblings, each the place of its folder among the inputs and its seed
            "siblings": {
                str(seed): [[sources.index(source), other] for source, other in study.siblings(self.start, seed)]
                for seed in seeds
            },
        }

    def code(self, study: Study) -> Sequence[str]:
        return [INITIALISATIONS[self.initialisation]]


def transfer(source_host: str, target_host: str) -> Needs:
    """What a stage reads that moves modules between two hosts."""
    return {
        "source": IdentifyHost(source_host).output("host"),
        "target": IdentifyHost(target_host).output("host"),
        "transfer": CheckTransfer(source_host, target_host).output("transfer"),
    }
