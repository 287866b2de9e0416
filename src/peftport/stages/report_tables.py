"""The tables that figures and the report read."""

from peftport.stages.compute_statistics import table
from peftport.stages.describe_techniques import DescribeTechniques
from peftport.stages.gather_runs import GatherRuns
from peftport.stages.stage import Output
from peftport.statistics.table import STATISTICS

REPORTED = [*GatherRuns.FILES, *STATISTICS, "techniques"]


def report_table(name: str) -> Output:
    """One of these tables, by its name."""
    return DescribeTechniques().output("table") if name == "techniques" else table(name)
