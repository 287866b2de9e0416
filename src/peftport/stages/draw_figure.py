"""One figure of the study."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.figures.table import FIGURES, FIGURES_ADDED, FIGURES_WHERE, module
from peftport.stages.report_tables import report_table, reported
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.asked import every
from peftport.study.study import Study

EVERY = FIGURES | every(FIGURES_WHERE) | dict.fromkeys(FIGURES_ADDED)


@dataclass(frozen=True)
class DrawFigure(Stage):
    """A figure of ``peftport.figures``, by its name, and a card with its digest."""

    figure: str

    FOLDER = "figures"
    FILES = {"figure": "{figure}.svg", "card": "{figure}.json"}
    WITHOUT_KEY = frozenset({"figure"})
    CONSTRAINTS = {"figure": "|".join(EVERY)}

    def needs(self, study: Study) -> Needs:
        return {"tables": [report_table(name) for name in self.read(study)]}

    def settings(self, study: Study) -> JsonObject:
        return {"tables": self.read(study)}

    def read(self, study: Study) -> list[str]:
        """The names of the tables that it is drawn from."""
        return EVERY[self.figure] or reported(study)

    def code(self, study: Study) -> Sequence[str]:
        return [module(self.figure)]
