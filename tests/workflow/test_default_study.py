"""The default study, whole: its hosts carry the task for all four techniques, within bounds of memory and disk."""

import pandas as pd
import pytest

from peftport.storage.parquet import read_table
from tests import studies
from tests.once import once

NATIVE_AT_LEAST = {"lora": 0.85, "adapters": 0.85, "compacter": 0.80, "prefix_tuning": 0.75}
BARE_BELOW = 0.65


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    def fill(folder):
        studies.write_config(folder, studies.yaml.safe_load((studies.ROOT / "config/config.yaml").read_text()))
        out = studies.run(folder)
        assert out.returncode == 0, out.stdout

    return once(tmp_path_factory, "default", fill) / "results/demo"


@pytest.mark.slow
def test_hosts_carry_the_task_for_every_technique(results):
    references = read_table(results / "tables/references.parquet", "references")
    native = references.query("initialisation == 'native'").groupby(["technique", "target_host"])["accuracy"].mean()
    assert len(native) == 4 * 2
    for (technique, host), accuracy in native.items():
        assert accuracy >= NATIVE_AT_LEAST[technique], (technique, host)
    bare = references.query("initialisation == 'bare'")
    assert len(bare) == 2 and (bare["accuracy"] < BARE_BELOW).all()


@pytest.mark.slow
def test_every_run_is_there(results):
    runs = read_table(results / "tables/runs.parquet", "runs")
    assert len(runs) == 4 * 2 * 1 * 4 * 5 * 5  # techniques, transfers, dataset pairs, initialisations, budgets, seeds
    assert not runs["accuracy"].isna().any()


@pytest.mark.slow
def test_memory_and_disk_stay_small(results):
    jobs = [pd.read_csv(file, sep="\t") for file in (results / "benchmarks").rglob("*.tsv")]
    assert 2 * pd.concat(jobs)["peak_mebibytes"].max() < 3000  # mebibytes; two jobs at a time
    assert sum(file.stat().st_size for file in results.rglob("*") if file.is_file()) < 200e6
