"""Runs that failed are left out of every number, and counted; the rest is as if only the others had been asked for."""

import pandas as pd
import pytest

from peftport.statistics.table import STATISTICS
from peftport.statistics.techniques import techniques
from peftport.storage.parquet import write_table
from peftport.storage.tables import TABLES
from tests.simulated import Design, costs, failing, statistics, study

DESIGN = Design(("lora",), examples=40)
MOVE = ["technique", "source_host", "target_host", "initialisation", "budget_steps"]


@pytest.fixture(scope="module")
def made():
    return study(DESIGN)


def computed(made):
    tables = statistics(made)
    return {name: tables[name] for name in STATISTICS}


def test_one_seed_of_a_cell(made, tmp_path):
    """From a budget on, as runs fail; the mean of the others is the number."""
    tables = computed(failing(made, seed=[1], initialisation=["ported"], budget_steps=[50, 200], target_host=["raw"]))
    for name, table in tables.items():
        write_table(tmp_path / f"{name}.parquet", table, name)
    table = tables["portability"].set_index(MOVE)
    assert table["failed_seeds"].sum() == 2 and (table["seeds"] + table["failed_seeds"] == 3).all()
    for budget in (50, 200):
        row = table.loc[("lora", "instruct", "raw", "ported", budget)]
        assert (row["seeds"], row["failed_seeds"]) == (2, 1)
        runs = made.runs.query("target_host == 'raw' and initialisation == 'ported' and budget_steps == @budget")
        assert row["accuracy_mean"] == pytest.approx(runs.query("seed != 1")["accuracy"].mean())
    pairs = tables["contrasts"].query("budget_steps == 50")
    assert set(pairs[pairs["target_host"] == "raw"]["seeds"]) == {2}
    assert set(pairs[pairs["target_host"] == "instruct"]["seeds"]) == {3}
    assert tables["asymmetry"].set_index("budget_steps")["seeds"].to_dict() == {0: 3, 50: 2, 200: 2}
    ways = tables["advice"].query("target_host == 'raw'").set_index(["way", "steps"])["seeds"]
    assert ways.to_dict() == {
        ("copy", 0): 3, ("copy", 50): 2, ("copy", 200): 2, ("start again", 50): 3, ("start again", 200): 3
    }  # fmt: skip


def test_all_seeds_of_a_cell(made):
    """No row, and nothing is compared with it."""
    tables = computed(failing(made, initialisation=["scratch"], budget_steps=[200]))
    left = tables["portability"].query("initialisation == 'scratch'")
    assert sorted(set(left["budget_steps"])) == [0, 50]
    assert set(tables["contrasts"].query("budget_steps == 200")["baseline"]) == {"sampled", "bare", "native"}
    whole = computed(made)["portability"].query("initialisation != 'scratch'")
    same = tables["portability"].query("initialisation != 'scratch'")
    numbers = ["accuracy_mean", "seeds", "recovered_gap"]
    assert same[numbers].reset_index(drop=True).equals(whole[numbers].reset_index(drop=True))


def test_no_seed_in_common():
    broken = failing(study(DESIGN), initialisation=["ported"], seed=[0, 1])
    broken = failing(broken, initialisation=["sampled"], seed=[2])
    tables = computed(broken)
    assert set(tables["contrasts"]["baseline"]) == {"scratch", "bare", "native"}


def test_directions_without_a_seed_in_common(made):
    broken = failing(made, initialisation=["ported"], seed=[0], target_host=["raw"])
    assert set(computed(broken)["asymmetry"]["seeds"]) == {2}
    broken = failing(broken, initialisation=["ported"], seed=[1, 2], target_host=["instruct"])
    assert computed(broken)["asymmetry"].empty


def test_references_that_failed(made):
    tables = computed(failing(made, initialisation=["native"], seed=[0, 1, 2]))
    assert tables["portability"]["native_accuracy"].isna().all() and "native" not in set(
        tables["contrasts"]["baseline"]
    )
    one = computed(failing(made, initialisation=["native"], seed=[0]))
    means = made.references.query("initialisation == 'native' and seed != 0").groupby("target_host")["accuracy"].mean()
    found = one["portability"].groupby("target_host")["native_accuracy"].first()
    pd.testing.assert_series_equal(found, means, check_names=False)


def test_everything_failed(made):
    tables = computed(failing(made, initialisation=["ported", "sampled", "scratch"]))
    for name, table in tables.items():
        assert table.empty and list(table) == list(TABLES[name])


def test_a_training_that_failed_is_no_measure_of_convergence(made):
    broken = failing(made, initialisation=["scratch"], seed=[0], budget_steps=[200], target_host=["raw"])
    curve = pd.DataFrame({"step": [1, 10, 20], "loss": [1.0, 0.5, 0.0], "phase": "train"})
    seeds = pd.DataFrame({"seed": [0, 1, 2]})
    places = made.runs[["technique", "target_host", "target_dataset"]].drop_duplicates()
    curves = places.merge(seeds, how="cross").merge(curve, how="cross")
    curves.loc[(curves["seed"] == 0) & (curves["step"] > 1), "loss"] = [0.0, 0.0] * 2  # falls at once
    for seed in (1, 2):
        curves.loc[curves["seed"] == seed, "step"] *= seed
    look = {"lora": (10, "attention", 0)}
    table = techniques(
        {"lora": "lora"}, [costs(look, host) for host in ("raw", "instruct")], curves, broken.runs,
        computed(broken)["portability"],
    ).set_index("target_host")  # fmt: skip
    assert table["steps_to_95_percent"].to_dict() == {"raw": 30.0, "instruct": 20.0}
