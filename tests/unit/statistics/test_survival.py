"""What is left of a module in the same host in other coordinates, on answers whose shares are known."""

import numpy as np
import pytest

from peftport.statistics.survival import survival
from peftport.storage.parquet import write_table
from peftport.storage.tables import TABLES
from tests.simulated import Design, study

TURNED = {"source_host": "raw", "target_host": "turned", "map": "copy", "coordinates": {"stream": "rotation"}}
ORDERED = {
    "source_host": "raw",
    "target_host": "ordered",
    "map": "copy",
    "coordinates": {"heads": "permutation", "units": "permutation"},
}
TOUCHED = {"lora": ["stream", "heads"], "adapters": ["stream"]}
ROUTES = (("raw", "turned"), ("raw", "ordered"), ("raw", "other"), ("other", "raw"))


@pytest.fixture(scope="module")
def made():
    """Four transfers, two of them between versions of a host."""
    return study(Design(("lora", "adapters"), ROUTES, references=("bare", "native"), budgets=(0, 25), examples=60))


def table(made, changes=(TURNED, ORDERED), touched=TOUCHED):
    return survival(made.runs, made.predictions, list(changes), touched)


def test_only_transfers_between_versions_count_and_only_before_training(made):
    found = table(made)
    assert list(found) == list(TABLES["survival"])
    hosts = [("raw", "ordered"), ("raw", "turned")]
    assert sorted(set(zip(found["source_host"], found["target_host"], strict=True))) == hosts
    assert len(found) == 2 * 2
    cells = made.runs[(made.runs["initialisation"] == "ported") & (made.runs["budget_steps"] == 0)]
    means = cells.groupby(["technique", "target_host"])["score"].mean()
    for row in found.itertuples():
        assert row.accuracy_mean == pytest.approx(means[row.technique, row.target_host])


def test_scores_on_another_dataset_or_after_training_have_no_row():
    pairs = (("film", "book"),)
    for other in (
        Design(("lora",), ROUTES, pairs=pairs, budgets=(0,), examples=20),
        Design(("lora",), ROUTES, budgets=(25,), examples=20),
    ):
        assert table(study(other)).empty


def test_theory_says_that_what_is_not_touched_survives(made):
    said = table(made).set_index(["technique", "target_host"])
    assert said["touched"].to_dict() == {
        ("lora", "turned"): "stream",
        ("lora", "ordered"): "heads",
        ("adapters", "turned"): "stream",
        ("adapters", "ordered"): "",
    }
    assert said["copy_survives"].to_dict() == {key: not what for key, what in said["touched"].to_dict().items()}
    assert said.loc[("lora", "ordered"), "coordinates"] == "heads: permutation, units: permutation"


def test_the_share_is_of_the_gain_in_the_source_host(made):
    """The source host's own modules are the ceiling, whatever the target's are."""
    found = table(made).set_index(["technique", "target_host"])
    own = made.references[(made.references["initialisation"] == "native") & (made.references["target_host"] == "raw")]
    bare = made.references[made.references["initialisation"] == "bare"].set_index("target_host")["score"]
    for (technique, host), row in found.iterrows():
        ceiling = own[own["technique"] == technique]["score"].mean()
        assert row["source_accuracy"] == pytest.approx(ceiling)
        share = (row["accuracy_mean"] - bare[host]) / (ceiling - bare[host])
        assert row["survived"] == pytest.approx(share, abs=1e-6)
        assert row["low"] < row["survived"] < row["high"]


def test_without_the_source_hosts_own_modules_there_is_no_share(made, tmp_path):
    def left(frame):
        own = (frame["initialisation"] == "native") & (frame["target_host"] == "raw")
        return frame[~own].reset_index(drop=True)

    found = survival(made.runs, left(made.predictions), [TURNED], TOUCHED)
    assert found[["survived", "low", "high", "source_accuracy"]].isna().all().all() and len(found) == 2
    write_table(tmp_path / "survival.parquet", found, "survival")


def test_techniques_without_a_law_have_no_theory(made, tmp_path):
    found = table(made, touched={"lora": ["stream"]}).set_index(["technique", "target_host"])
    assert found.loc["adapters", ["touched", "copy_survives"]].isna().all().all()
    assert found.loc["adapters", "survived"].notna().all() and found.loc["lora", "touched"].notna().all()
    write_table(tmp_path / "survival.parquet", found.reset_index()[list(TABLES["survival"])], "survival")


def test_a_study_without_such_transfers_has_an_empty_table(made):
    found = survival(made.runs, made.predictions)
    assert found.empty and list(found) == list(TABLES["survival"])
    failed = made.runs.assign(score=np.nan)
    assert survival(failed, made.predictions, [TURNED], TOUCHED).empty
