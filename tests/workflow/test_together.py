"""Initialisations that share jobs: the same tables from fewer jobs, and what runs again when they come together."""

import pandas as pd
import pytest

from peftport.evaluation.gather import KEYS
from peftport.storage.parquet import read_table
from tests import studies

TOGETHER = ["ported", "sampled"]


@pytest.mark.slow
def test_a_finished_study_whose_initialisations_come_together(copy, hosts):
    def edit(**grid):
        studies.write_config(copy, studies.smoke_config(hosts, initialisations_together=True, **grid))

    apart = results(copy)
    edit()
    jobs = studies.planned(copy)
    assert jobs["evaluate_cells_together"] == 2  # techniques
    assert not {"evaluate_cell", "train_source", "make_starts"} & jobs.keys()
    out = studies.run(copy)
    assert out.returncode == 0, out.stdout
    together = results(copy)
    for name, table in apart.items():
        pd.testing.assert_frame_equal(together[name], table, check_exact=True)
    for kind in TOGETHER:
        cell = studies.cell_folder("lora", "raw--instruct", "film--film", kind)
        curve = copy / studies.RESULTS / cell / "training.parquet"
        assert set(read_table(curve, "curve")["members"]) == {1}  # on a CPU
    assert not studies.planned(copy)
    edit(initialisations=["ported", "sampled", "permuted", "scratch"])
    jobs = studies.planned(copy)
    assert (jobs["make_starts"], jobs["evaluate_cells_together"]) == (2, 2)
    assert not {"evaluate_cell", "train_source"} & jobs.keys()


def results(folder):
    """The tables of runs and references, in one order."""
    names = ("runs", "references")
    tables = {name: read_table(folder / f"results/smoke/tables/{name}.parquet", name) for name in names}
    return {name: table.sort_values(KEYS, ignore_index=True) for name, table in tables.items()}
