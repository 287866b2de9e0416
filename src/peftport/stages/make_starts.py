"""What modules in a target host start from, made from the source's modules."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.maps.laws.table import INSTEAD, LAWS
from peftport.maps.starts import HELP
from peftport.porting.table import INITIALISATIONS
from peftport.stages.check_transfer import transfer
from peftport.stages.extract_modules import modules_of
from peftport.stages.made_hosts import made_model
from peftport.stages.make_map import map_of
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.sections import host_code
from peftport.stages.stage import Needs
from peftport.storage.provenance import JsonObject
from peftport.study.entries import ANY, FITTED, PLACED, SCALED, SHARED, TAUGHT, Start
from peftport.study.grid_settings import COPY
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
    map: str = COPY

    FOLDER = "starts/{technique}/{source_host}--{target_host}/{map}/{source_dataset}/{initialisation}"
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
            **transfer(self.source_host, self.target_host, self.map),
            "map": map_of(self.source_host, self.target_host, self.map),
            "model": made_model(study, self.target_host) if self.initialisation in PLACED else [],
        }

    def settings(self, study: Study) -> JsonObject:
        sources, seeds = study.siblings_of(self.start), study.seeds_of(self.block)
        return {
            "seeds": seeds,
            "method": study.config.techniques[self.technique].method,
            "placed": self.initialisation in PLACED,
            # seed to siblings, each the place of its folder among the inputs and its seed
            "siblings": {
                str(seed): [[sources.index(source), other] for source, other in study.siblings(self.start, seed)]
                for seed in seeds
            },
        }

    def code(self, study: Study) -> Sequence[str]:
        hosts = host_code(study, self.target_host) if self.initialisation in PLACED else []
        return [INITIALISATIONS[self.initialisation], *carrying_code(study, self), *hosts]


def carrying_code(study: Study, start: Start | MakeStarts) -> list[str]:
    """The modules reached by name to carry a module along a map, or to scale it; none where it is copied."""
    if start.map == COPY and start.initialisation not in SCALED:
        return []
    method = study.config.techniques[start.technique].method
    if start.map == COPY:
        return [LAWS[method]]
    laws = [LAWS[name] for name in (method, INSTEAD.get(method)) if name is not None]
    return [HELP["map"], *laws, *sorted({*host_code(study, start.source_host), *host_code(study, start.target_host)})]
