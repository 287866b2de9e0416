"""Whether modules can be carried from one host to another: along a map at all, and those of a technique."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.maps.table import MAPS
from peftport.stages.identify_host import IdentifyHost
from peftport.stages.sections import form, host_code, law_code
from peftport.stages.stage import Needs, Stage
from peftport.storage.names import COPY
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class CheckTransfer(Stage):
    """What the check of a transfer says; starts and maps read it, so that they wait for it."""

    source_host: str
    target_host: str
    map: str = COPY

    FOLDER = "hosts/transfers/{source_host}--{target_host}"
    FILES = {"transfer": "{map}.json"}

    def needs(self, study: Study) -> Needs:
        return {
            "source": IdentifyHost(self.source_host).output("host"),
            "target": IdentifyHost(self.target_host).output("host"),
        }

    def settings(self, study: Study) -> JsonObject:
        return {"settings": None if self.map == COPY else study.config.maps[self.map].as_json(), "techniques": {}}

    def code(self, study: Study) -> Sequence[str]:
        if self.map == COPY:
            return []
        hosts = {*host_code(study, self.source_host), *host_code(study, self.target_host)}
        return [MAPS[study.config.maps[self.map].method], *sorted(hosts)]


@dataclass(frozen=True)
class CheckCarrying(CheckTransfer):
    """What the check of one technique's modules along a map says, so that another technique moves nothing of it."""

    technique: str = ""

    FOLDER = "hosts/transfers/{source_host}--{target_host}/{map}"
    FILES = {"transfer": "{technique}.json"}

    def settings(self, study: Study) -> JsonObject:
        return super().settings(study) | {"techniques": {self.technique: form(study, self.technique)}}

    def code(self, study: Study) -> Sequence[str]:
        return [*super().code(study), *law_code(study, self.technique)]


def transfer(source_host: str, target_host: str, name: str = COPY) -> Needs:
    """What a stage reads that carries modules between two hosts."""
    return {
        "source": IdentifyHost(source_host).output("host"),
        "target": IdentifyHost(target_host).output("host"),
        "transfer": CheckTransfer(source_host, target_host, name).output("transfer"),
    }


def carrying(source_host: str, target_host: str, name: str, technique: str) -> Needs:
    """What a stage reads that carries modules of a technique between two hosts, or copies them."""
    stages = [] if name == COPY else [CheckCarrying(source_host, target_host, name, technique)]
    checks = [stage.output("transfer") for stage in stages]
    return transfer(source_host, target_host, name) | {"carrying": checks}
