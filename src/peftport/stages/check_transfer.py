"""Whether modules can be copied from one host to another."""

from dataclasses import dataclass

from peftport.stages.identify_host import IdentifyHost
from peftport.stages.stage import Needs, Stage
from peftport.study.study import Study


@dataclass(frozen=True)
class CheckTransfer(Stage):
    """What the check of a transfer says; starts read it, so that they wait for it."""

    source_host: str
    target_host: str

    FOLDER = "hosts/transfers"
    FILES = {"transfer": "{source_host}--{target_host}.json"}

    def needs(self, study: Study) -> Needs:
        return {
            "source": IdentifyHost(self.source_host).output("host"),
            "target": IdentifyHost(self.target_host).output("host"),
        }
