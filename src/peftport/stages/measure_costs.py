"""What every technique adds to a target host and takes there: size, time, memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.encode_dataset import prompts
from peftport.stages.identify_host import host_inputs
from peftport.stages.sections import form, host_code, method_code, task, trained_by
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class MeasureCosts(Stage):
    """The costs of all techniques of the study in one host; the only times that a study measures."""

    host: str

    FOLDER = "costs/{host}"
    FILES = {"table": "costs.parquet"}

    def needs(self, study: Study) -> Needs:
        return {**host_inputs(study, self.host), **prompts(self.host, study.costed, "train")}

    def settings(self, study: Study) -> JsonObject:
        return {
            "techniques": {name: form(study, name) for name in study.techniques},
            "training": trained_by(study, self.host),
            "task": task(study, study.costed),
            "costs": study.config.costs.as_json(),
        }

    def code(self, study: Study) -> Sequence[str]:
        return [*method_code(study, *study.techniques), *host_code(study, self.host)]
