"""The tokens of a dataset's label words in one host."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.identify_host import host_inputs
from peftport.stages.sections import host_code, task
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class EncodeLabels(Stage):
    """The label words of a dataset of the config as a host's tokens."""

    host: str
    dataset: str

    FOLDER = "hosts/{host}/labels"
    FILES = {"labels": "{dataset}.json"}
    CONSTRAINTS = {"dataset": r"[^/@]+?"}

    def needs(self, study: Study) -> Needs:
        return host_inputs(study, self.host, "host")

    def settings(self, study: Study) -> JsonObject:
        return {"task": task(study, self.dataset)}

    def code(self, study: Study) -> Sequence[str]:
        return host_code(study, self.host)
