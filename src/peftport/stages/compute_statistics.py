"""One table of statistics: portability, differences with intervals, what carried, advice, asymmetry."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.stages.evaluate_cell import evaluations
from peftport.stages.gather_runs import GatherRuns
from peftport.stages.stage import Needs, Output, Stage
from peftport.statistics.table import STATISTICS, settings_of
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class ComputeStatistics(Stage):
    """A table of ``peftport.statistics``, by its name."""

    table: str

    FOLDER = "tables"
    FILES = {"table": "{table}.parquet"}
    CONSTRAINTS = {"table": "|".join(STATISTICS)}

    def needs(self, study: Study) -> Needs:
        names = [name for name in STATISTICS[self.table] if name != "predictions"]
        return {"tables": [table(name) for name in names], "predictions": evaluations(study, "predictions")}

    def settings(self, study: Study) -> JsonObject:
        settings = settings_of(self.table, study.config.statistics)
        return {"study": study.name, "grid": study.grid.as_json(), "settings": settings}

    def code(self, study: Study) -> Sequence[str]:
        return [f"peftport.statistics.{self.table}"]


def table(name: str) -> Output:
    """A table by its name, of runs or of statistics."""
    stage = GatherRuns() if name in GatherRuns.FILES else ComputeStatistics(name)
    return stage.output(name if name in GatherRuns.FILES else "table")
