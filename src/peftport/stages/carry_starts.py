"""What modules in a target host start from where that takes computing: modules that a map carries, or weights place."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.maps.laws.table import INSTEAD, LAWS
from peftport.maps.starts import HELP
from peftport.porting.table import INITIALISATIONS
from peftport.stages.check_transfer import carrying
from peftport.stages.made_hosts import made_model
from peftport.stages.make_map import map_of
from peftport.stages.make_starts import OF_A_COPY, MakeStarts
from peftport.stages.sections import host_code, law_code
from peftport.stages.stage import Needs
from peftport.storage.names import COPY
from peftport.storage.provenance import JsonObject
from peftport.study.entries import PLACED, Start
from peftport.study.study import Study


@dataclass(frozen=True)
class CarryStarts(MakeStarts):
    """The starts of one block of seeds, ``seed-<n>`` each, along a map or in the target host's own basis."""

    map: str = COPY

    FOLDER = "starts/{technique}/{source_host}--{target_host}/{map}/{source_dataset}/{initialisation}"
    CONSTRAINTS = {
        "initialisation": "|".join(sorted((*OF_A_COPY, *PLACED))),
        # what is copied is ``make_starts``', but for what depends on the target host's weights
        "map": rf"(?!{COPY}/[^/]+/(?!(?:{'|'.join(PLACED)})/))[^/]+?",
    }

    def needs(self, study: Study) -> Needs:
        return super().needs(study) | {
            **carrying(self.source_host, self.target_host, self.map, self.technique),
            "map": map_of(self.source_host, self.target_host, self.map),
            "model": made_model(study, self.target_host) if self.initialisation in PLACED else [],
        }

    def settings(self, study: Study) -> JsonObject:
        method = study.config.techniques[self.technique].method
        return super().settings(study) | {"method": method, "placed": self.initialisation in PLACED}

    def code(self, study: Study) -> Sequence[str]:
        hosts = host_code(study, self.target_host) if self.initialisation in PLACED else []
        return [INITIALISATIONS[self.initialisation], *carrying_code(study, self), *hosts]


def carrying_code(study: Study, start: Start | CarryStarts) -> list[str]:
    """The modules reached by name to carry a module along a map; none where it is copied."""
    if start.map == COPY:
        return []
    method = study.config.techniques[start.technique].method
    laws = [*law_code(study, start.technique), *([LAWS[INSTEAD[method]]] if method in INSTEAD else [])]
    return [HELP["map"], *laws, *sorted({*host_code(study, start.source_host), *host_code(study, start.target_host)})]
