"""The tables that figures and the report read."""

from peftport.figures.table import FIGURES, FIGURES_ADDED, FIGURES_WHERE
from peftport.stages.compute_statistics import table
from peftport.stages.describe_techniques import DescribeTechniques
from peftport.stages.gather_runs import GatherRuns
from peftport.stages.stage import Output
from peftport.statistics.table import STATISTICS, STATISTICS_WHERE
from peftport.study.asked import asked
from peftport.study.study import Study


def reported(study: Study) -> list[str]:
    """The tables that figures and the report of a study read, by name."""
    return [*GatherRuns.FILES, *STATISTICS, *asked(study, STATISTICS_WHERE), "techniques"]


def figures(study: Study) -> list[str]:
    """The figures of a study, by name."""
    return [*FIGURES, *asked(study, FIGURES_WHERE), *FIGURES_ADDED]


def report_table(name: str) -> Output:
    """One of these tables, by its name."""
    return DescribeTechniques().output("table") if name == "techniques" else table(name)
