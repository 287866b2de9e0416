"""A map from one host to another: which layers and coordinates stand for which."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.maps.admissible import reads_texts
from peftport.maps.table import MAPS, READING
from peftport.stages.check_transfer import transfer
from peftport.stages.made_hosts import made_model
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.stages.sections import host_code
from peftport.stages.stage import Needs, Output, Stage
from peftport.storage.names import COPY
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class MakeMap(Stage):
    """The correspondence between two hosts that one map of the config finds; it sees no module and no label."""

    source_host: str
    target_host: str
    map: str

    FOLDER = "maps/{source_host}--{target_host}/{map}"
    FILES = {"map": "map.safetensors", "card": "card.json"}
    WITHOUT_KEY = frozenset({"map"})

    def needs(self, study: Study) -> Needs:
        settings = study.config.maps[self.map]
        return {
            **transfer(self.source_host, self.target_host, self.map),
            "models": [*made_model(study, self.source_host), *made_model(study, self.target_host)],
            "texts": [PrepareDataset(settings.texts).output("train")] if reads_texts(settings) else [],
        }

    def settings(self, study: Study) -> JsonObject:
        return {"settings": study.config.maps[self.map].as_json()}

    def code(self, study: Study) -> Sequence[str]:
        settings = study.config.maps[self.map]
        hosts = {*host_code(study, self.source_host), *host_code(study, self.target_host)}
        return [MAPS[settings.method], *sorted(hosts), *(READING.values() if reads_texts(settings) else ())]


def map_of(source_host: str, target_host: str, name: str) -> list[Output]:
    """The files of a map, which a stage reads that carries modules along it; none where they are copied."""
    if name == COPY:
        return []
    stage = MakeMap(source_host, target_host, name)
    return [stage.output("card"), stage.output("map")]


def maps(study: Study) -> list[Output]:
    """The cards of all maps of the study, in the order of its transfers."""
    return [MakeMap(t.source, t.target, t.map).output("card") for t in study.mapped_transfers]
