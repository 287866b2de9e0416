"""One figure of the study."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.figures.table import FIGURES, FIGURES_WHERE
from peftport.stages.report_tables import report_table
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.asked import every
from peftport.study.study import Study

EVERY = FIGURES | every(FIGURES_WHERE)


@dataclass(frozen=True)
class DrawFigure(Stage):
    """A figure of ``peftport.figures``, by its name, and a card with its digest."""

    figure: str

    FOLDER = "figures"
    FILES = {"figure": "{figure}.svg", "card": "{figure}.json"}
    WITHOUT_KEY = frozenset({"figure"})
    CONSTRAINTS = {"figure": "|".join(EVERY)}

    def needs(self, study: Study) -> Needs:
        return {"tables": [report_table(name) for name in EVERY[self.figure]]}

    def settings(self, study: Study) -> JsonObject:
        return {"tables": EVERY[self.figure]}

    def code(self, study: Study) -> Sequence[str]:
        return [f"peftport.figures.{self.figure}"]
