"""What modules in a target host start from, made from copies of the source's modules."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.porting.table import INITIALISATIONS
from peftport.stages.check_transfer import transfer
from peftport.stages.extract_modules import modules_of
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.sections import law_code
from peftport.stages.stage import Needs
from peftport.storage.provenance import JsonObject
from peftport.study.entries import ANY, FITTED, PLACED, SCALED, SHARED, TAUGHT, Start
from peftport.study.study import Study

OF_A_COPY = sorted(set(INITIALISATIONS) - {*FITTED, *TAUGHT, *PLACED, SHARED})


@dataclass(frozen=True)
class MakeStarts(ModuleFolders):
    """The starts of one block of seeds, ``seed-<n>`` each, for initialisations that need no text and no weights."""

    technique: str
    source_host: str
    target_host: str
    source_dataset: str
    initialisation: str
    block: str

    FOLDER = "starts/{technique}/{source_host}--{target_host}/copy/{source_dataset}/{initialisation}"
    FOLDERS = {"starts": "seeds-{block}"}
    CONSTRAINTS = {"initialisation": "|".join(OF_A_COPY)}

    @property
    def start(self) -> Start:
        """The entry of the grid."""
        return Start(target_dataset=ANY, **self.names)

    def needs(self, study: Study) -> Needs:
        start = self.start
        return {
            "modules": modules_of(study, study.source_of(start)),
            "siblings": [modules_of(study, source) for source in study.siblings_of(start)],
            **transfer(start.source_host, start.target_host, start.map),
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
        law = law_code(study, self.technique) if self.initialisation in SCALED else []
        return [INITIALISATIONS[self.initialisation], *law]
