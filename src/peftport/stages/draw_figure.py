"""One figure of the study."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.figures.table import FIGURES
from peftport.stages.report_tables import report_table
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class DrawFigure(Stage):
    """A figure of ``peftport.figures``, by its name."""

    figure: str

    FOLDER = "figures"
    FILES = {"figure": "{figure}.svg"}
    WITHOUT_KEY = frozenset({"figure"})
    CONSTRAINTS = {"figure": "|".join(FIGURES)}

    def needs(self, study: Study) -> Needs:
        return {"tables": [report_table(name) for name in FIGURES[self.figure]]}

    def settings(self, study: Study) -> JsonObject:
        return {"tables": FIGURES[self.figure]}

    def code(self, study: Study) -> Sequence[str]:
        return [f"peftport.figures.{self.figure}"]
