"""One table of statistics: portability, differences with intervals, what carried, advice, trends, and others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from peftport.maps.laws.table import LAWS, parted, touched
from peftport.stages.evaluate_cell import evaluations
from peftport.stages.gather_runs import GatherRuns
from peftport.stages.stage import Needs, Output, Stage
from peftport.statistics.table import STATISTICS, STATISTICS_WHERE, settings_of
from peftport.storage.provenance import JsonObject
from peftport.study.asked import every
from peftport.study.dials import told_of_dials
from peftport.study.rewritten import changes
from peftport.study.study import Study

EVERY = STATISTICS | every(STATISTICS_WHERE)


@dataclass(frozen=True)
class ComputeStatistics(Stage):
    """A table of ``peftport.statistics``, by its name."""

    table: str

    FOLDER = "tables"
    FILES = {"table": "{table}.parquet"}
    CONSTRAINTS = {"table": "|".join(EVERY)}

    def needs(self, study: Study) -> Needs:
        names = [name for name in EVERY[self.table] if name != "predictions"]
        return {"tables": [table(name) for name in names], "predictions": evaluations(study, "predictions")}

    def settings(self, study: Study) -> JsonObject:
        settings = settings_of(self.table, study.config.statistics)
        settings |= TOLD[self.table](study) if self.table in TOLD else {}
        return {"study": study.name, "grid": study.grid.as_json(), "hybrids": study.hybrids, "settings": settings}

    def code(self, study: Study) -> Sequence[str]:
        return [f"peftport.statistics.{self.table}"]


def told_of_rewritten(study: Study) -> JsonObject:
    """What a table about the same host in other coordinates is told: which transfers, and what techniques touch."""
    entries = {name: study.config.techniques[name].as_json() for name in study.techniques}
    known = {name: touched(own["method"], own) for name, own in entries.items() if parted(own).keys() <= LAWS.keys()}
    return {"changes": changes(study), "touched": known}


# table to what it is told of the study, beside settings
TOLD: dict[str, Callable[[Study], JsonObject]] = {
    "survival": told_of_rewritten,
    "dials": lambda study: {"dials": told_of_dials(study)},
    "cross_task": lambda study: {"own": study.config.statistics.cross_task.own},
}


def table(name: str) -> Output:
    """A table by its name, of runs or of statistics."""
    stage = GatherRuns() if name in GatherRuns.FILES else ComputeStatistics(name)
    return stage.output(name if name in GatherRuns.FILES else "table")
