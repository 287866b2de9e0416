"""The table of techniques on simulated studies whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from peftport.statistics.portability import portability
from peftport.statistics.techniques import converged, sharing
from peftport.storage.parquet import write_table
from peftport.storage.tables import TABLES
from tests.simulated import MARGIN, Design, described, study


def table(design, methods=None):
    made = study(design)
    return described(made, portability(made.runs, made.references, made.predictions, MARGIN), methods)


@pytest.fixture(scope="module")
def usual():
    return table(Design(("adapters", "compacter", "lora"), examples=4000, seeds=(0, 1, 2, 3)))


def test_a_row_for_each_technique_and_target(usual, tmp_path):
    assert list(usual) == list(TABLES["techniques"])
    assert len(usual) == 3 * 2 and not usual.duplicated(["technique", "target_host"]).any()
    write_table(tmp_path / "techniques.parquet", usual, "techniques")


def test_portability_is_that_of_the_smallest_budget(usual):
    assert usual["recovered_gap"].between(0.5, 0.75).all()  # (0.75 - 0.5) / (0.9 - 0.5)
    assert usual["ported_lift"].between(0.2, 0.3).all()
    assert (usual["moves"] == 1).all()


def test_stability_is_the_deviation_over_seeds(usual):
    assert usual["ported_seed_deviation"].between(0.004, 0.05).all()  # 0.02, from four seeds
    one = table(Design(("lora",), seeds=(0,), examples=40))
    assert one["ported_seed_deviation"].isna().all() and one["scratch_seed_deviation"].isna().all()


def test_several_moves_to_one_host_are_averaged():
    high = {"a": 0.9, "b": 0.7}
    design = Design(
        ("lora",),
        (("a", "t"), ("b", "t")),
        examples=4000,
        accuracy=lambda technique, source, target, start, budget: high[source] if start == "ported" else 0.5,
    )
    (row,) = table(design).to_dict("records")
    assert row["moves"] == 2
    assert row["ported_accuracy"] == pytest.approx(0.8, abs=0.03)
    assert row["ported_seed_deviation"] < 0.05  # the two moves lie 0.2 apart, which is no matter of seeds


def test_sharing_is_measured_and_not_the_methods(usual):
    found = dict(zip(usual["technique"], usual["parameter_sharing"], strict=True))
    assert found == {"adapters": "none", "compacter": "some", "lora": "none"}
    assert [sharing(0, 5), sharing(2, 5), sharing(5, 5)] == ["none", "some", "all"]


def test_an_unknown_method_has_no_typology():
    found = table(Design(("mine", "lora"), examples=40), {"mine": "of_my_own", "lora": "lora"}).set_index("technique")
    assert found.loc["mine", "intra_connectivity"].isna().all() and found.loc["mine", "formula"].isna().all()
    assert (found.loc["lora", "integration_form"] == "scaled addition").all()
    assert found["workspace"].notna().all()


def test_memory_is_relative_to_full_finetuning(usual):
    assert (usual["step_bytes_over_full"] == 0.25).all()


def test_convergence():
    curve = pd.DataFrame({"step": [40, 1, 10, 20, 30], "loss": [0.1, 1.0, 0.5, 0.12, 0.3]})
    assert converged(curve) == 20  # 95% of the fall from 1.0 to 0.1 is at 0.145
    assert np.isnan(converged(curve.assign(loss=[2.0, 1.0, 1.0, 1.0, 1.0])))


def test_nothing_ported(tmp_path):
    found = table(Design(("lora",), initialisations=("scratch",), examples=40))
    assert (found["moves"] == 0).all() and found["recovered_gap"].isna().all()
    write_table(tmp_path / "techniques.parquet", found, "techniques")
