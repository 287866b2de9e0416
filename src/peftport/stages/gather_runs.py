"""One row per run, and one per reference."""

from dataclasses import dataclass

from peftport.stages.evaluate_cell import evaluations
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class GatherRuns(Stage):
    """The tables of runs and of references."""

    FOLDER = "tables"
    FILES = {"runs": "runs.parquet", "references": "references.parquet"}

    def needs(self, study: Study) -> Needs:
        return {name: evaluations(study, name) for name in ("scores", "predictions")}

    def settings(self, study: Study) -> JsonObject:
        return {"study": study.name, "grid": study.grid.as_json(), "hybrids": study.hybrids}
