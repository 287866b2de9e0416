"""Directions on simulated studies."""

import pytest

from peftport.statistics.asymmetry import asymmetry
from peftport.statistics.contrasts import contrasts
from peftport.statistics.portability import portability
from peftport.statistics.table import STATISTICS
from peftport.storage.parquet import write_table
from peftport.storage.tables import TABLES
from tests.simulated import MARGIN, Design, Study, statistics, study


@pytest.fixture(scope="module")
def simulated() -> Study:
    return study(Design())


def test_a_direction_is_found() -> None:
    def better_forward(technique: str, source: str, target: str, start: str, budget: int) -> float:
        return 0.85 if source == "raw" else 0.6

    made = study(Design(("lora",), budgets=(0,), initialisations=("ported",), accuracy=better_forward))
    table = asymmetry(portability(made.runs, made.references, made.predictions, MARGIN), made.predictions)
    assert table[["first_host", "second_host"]].to_numpy().tolist() == [["raw", "instruct"]]
    assert 0.1 < table["low"].item() < 0.25 < table["high"].item()


def test_a_single_seed_and_no_references() -> None:
    made = study(Design(seeds=(7,), references=()))
    summary = portability(made.runs, made.references, made.predictions, MARGIN)
    assert summary["accuracy_standard_deviation"].isna().all()
    assert summary[["bare_accuracy", "native_accuracy", "recovered_gap"]].isna().all().all()
    assert set(contrasts(made.runs, made.references, made.predictions)["baseline"]) == {
        "sampled",
        "scratch",
    }
    assert asymmetry(summary, made.predictions).empty
    assert list(asymmetry(summary, made.predictions)) == list(TABLES["asymmetry"])


def test_tables_fit_their_schemas(simulated: Study, tmp_path) -> None:
    tables = statistics(simulated)
    for name in STATISTICS:
        write_table(tmp_path / f"{name}.parquet", tables[name], name)
    rows = {"portability": 2 * 2 * 3 * 3, "contrasts": 2 * 2 * 3 * 4, "carried": 2 * 2 * 3, "asymmetry": 2 * 3}
    assert {name: len(tables[name]) for name in STATISTICS} == rows | {"advice": 2 * 2 * 5}
