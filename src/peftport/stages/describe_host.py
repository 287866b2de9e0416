"""A host's card: what it is, and the tokens of every label word of the study."""

from dataclasses import dataclass

from peftport.stages.encode_labels import EncodeLabels
from peftport.stages.identify_host import IdentifyHost
from peftport.stages.stage import Needs, Stage
from peftport.study.study import Study


@dataclass(frozen=True)
class DescribeHost(Stage):
    """The card of one host."""

    host: str

    FOLDER = "hosts/{host}"
    FILES = {"card": "card.json"}

    def needs(self, study: Study) -> Needs:
        labels = [EncodeLabels(self.host, dataset).output("labels") for dataset in study.datasets]
        return {"host": IdentifyHost(self.host).output("host"), "labels": labels}
