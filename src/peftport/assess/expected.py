"""What a saved calibration let expect of the copy, beside what was measured."""

from peftport.assess.results import Results
from peftport.prediction.calibration import Calibration, expectation
from peftport.prediction.moves import host_measures
from peftport.stages.gather_distances import GatherDistances
from peftport.storage.parquet import read_table


def expected_lines(results: Results, by: Calibration | None) -> list[str]:
    """One line; none without a calibration, or where the study measures no distances."""
    if by is None or not results.study.config.distances:
        return []
    table = read_table(results.path(GatherDistances().output("table")), "distances")
    source, target = results.hosts
    rows = table[(table["source_host"] == source) & (table["target_host"] == target)]
    return [f"Before it was run: {expectation(by, host_measures(rows)).line}."]
