"""One row per run, and one per reference."""

from dataclasses import dataclass
from typing import Any

from peftport.stages.evaluate_cell import evaluations
from peftport.stages.stage import Needs, Stage
from peftport.study.grid import Study


@dataclass(frozen=True)
class GatherRuns(Stage):
    """The tables of runs and of references."""

    FOLDER = "tables"
    FILES = {"runs": "runs.parquet", "references": "references.parquet"}

    def needs(self, study: Study) -> Needs:
        return {name: evaluations(study, name) for name in ("scores", "predictions")}

    def settings(self, study: Study) -> dict[str, Any]:
        return {"study": study.name, "grid": study.config["grid"]}
