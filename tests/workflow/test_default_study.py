"""The default study with one seed and two budgets: its hosts carry the task for all techniques, in little memory."""

import pandas as pd
import pytest

from peftport.storage.parquet import read_table
from tests import studies

NATIVE_AT_LEAST = {"lora": 0.85, "adapters": 0.85, "compacter": 0.80, "prefix_tuning": 0.75}
BARE_BELOW = 0.65
SEEDS = 5  # of the default study; this one has the first of them


@pytest.mark.slow(seconds=120)
def test_hosts_carry_the_task_for_every_technique(tmp_path):
    """Its sources are trained as long as those of the default study; of its starts there are the ported."""
    config = studies.yaml.safe_load((studies.ROOT / "config/config.yaml").read_text())
    assert config["grid"]["seeds"] == [list(range(SEEDS))]
    config["grid"] |= {"seeds": [0], "budgets": [0, 10], "initialisations": ["ported"]}
    studies.write_config(tmp_path, config)
    out = studies.run(tmp_path)
    assert out.returncode == 0, out.stdout
    results = tmp_path / "results/demo"
    runs, references = (read_table(results / f"tables/{name}.parquet", name) for name in ("runs", "references"))
    assert len(runs) == 4 * 2 * 1 * 1 * 2 * 1  # techniques, transfers, dataset pairs, initialisations, budgets, seeds
    assert not runs["accuracy"].isna().any()
    native = references.query("initialisation == 'native'").groupby(["technique", "target_host"])["accuracy"].mean()
    assert len(native) == 4 * 2
    for (technique, host), accuracy in native.items():
        assert accuracy >= NATIVE_AT_LEAST[technique], (technique, host)
    bare = references.query("initialisation == 'bare'")
    assert len(bare) == 2 and (bare["accuracy"] < BARE_BELOW).all()
    jobs = [pd.read_csv(file, sep="\t") for file in (results / "benchmarks").rglob("*.tsv")]
    assert 2 * pd.concat(jobs)["peak_mebibytes"].max() < 3000  # mebibytes; two jobs at a time
    assert sum(file.stat().st_size for file in results.rglob("*") if file.is_file()) < 200e6 / SEEDS
