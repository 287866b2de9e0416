"""The tables that figures and the report read."""

from peftport.figures.table import FIGURES, FIGURES_ADDED, FIGURES_OF_DIALS, FIGURES_OF_REWRITTEN
from peftport.stages.compute_statistics import table
from peftport.stages.describe_techniques import DescribeTechniques
from peftport.stages.gather_runs import GatherRuns
from peftport.stages.stage import Output
from peftport.statistics.table import STATISTICS, STATISTICS_OF_DIALS, STATISTICS_OF_REWRITTEN
from peftport.study.rewritten import changes
from peftport.study.study import Study


def reported(study: Study) -> list[str]:
    """The tables that figures and the report of a study read, by name."""
    more = STATISTICS_OF_REWRITTEN if changes(study) else {}
    more |= STATISTICS_OF_DIALS if study.config.dials else {}
    return [*GatherRuns.FILES, *STATISTICS, *more, "techniques"]


def figures(study: Study) -> list[str]:
    """The figures of a study, by name."""
    more = FIGURES_OF_REWRITTEN if changes(study) else {}
    return [*FIGURES, *more, *(FIGURES_OF_DIALS if study.config.dials else {}), *FIGURES_ADDED]


def report_table(name: str) -> Output:
    """One of these tables, by its name."""
    return DescribeTechniques().output("table") if name == "techniques" else table(name)
