"""The distances of every transfer in one table."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.measure_distances import measured
from peftport.stages.stage import Needs, Stage
from peftport.study.study import Study


@dataclass(frozen=True)
class GatherDistances(Stage):
    """The table of distances."""

    FOLDER = "tables"
    FILES = {"table": "distances.parquet"}

    @classmethod
    def asked(cls, study: Study) -> Sequence[Stage]:
        return [cls()] if measured(study) else []

    def needs(self, study: Study) -> Needs:
        return {"tables": [stage.output("table") for stage in measured(study)]}
