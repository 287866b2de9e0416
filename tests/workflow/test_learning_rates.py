"""A study whose technique has a list of learning rates, from sources to tables."""

import json

import pytest

from peftport.storage.parquet import read_table
from tests import studies

RATES = [0.001, 0.01, 0.1]


@pytest.mark.slow
def test_a_study_with_a_list_of_rates(hosts, tmp_path):
    config = studies.smoke_config(hosts, techniques=["lora"], initialisations=["ported"])
    config["techniques"]["lora"]["learning_rate"] = RATES
    studies.write_config(tmp_path, config)
    tables = [str(studies.RESULTS / f"tables/{name}.parquet") for name in ("runs", "references")]
    out = studies.run(tmp_path, *tables)
    assert out.returncode == 0, out.stdout
    assert studies.planned(tmp_path, *tables) == {}
    folder = tmp_path / "results/smoke"
    runs, references = (read_table(folder / f"tables/{name}.parquet", name) for name in ("runs", "references"))
    assert runs.query("budget_steps == 0")["learning_rate"].isna().all()
    assert set(runs.query("budget_steps > 0")["learning_rate"]) <= set(RATES)
    rates = references.set_index("initialisation")["learning_rate"]
    card = json.loads((folder / studies.module_folder("lora", "instruct", "film") / "card.json").read_text())
    assert rates["native"] == card["learning_rate"] and rates.isna()["bare"]
    assert card["settings"]["learning_rate"] == RATES
