"""An edit reruns what depends on it and nothing else: the key of DESIGN section 6, on the real workflow."""

import os
import time

import pytest

from peftport.storage.cards import read_card
from tests import studies

AFTER_TRAINING = {"train_source", "extract_modules", "make_starts", "evaluate_cell", "gather_runs", "measure_costs"}
AFTER_TRAINING |= {"measure_distances", "gather_distances"}
AFTER_TABLES = {"compute_statistics", "describe_techniques", "draw_figure", "write_report"}
LIBRARY = "src/peftport"


def test_editing_the_library(finished, tmp_path):
    """Which stages run again; ``test_rerun_table.py`` counts the jobs after every edit that docs/reruns.md names."""
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / "hosts/identify.py", "def identify_host(", "SPARE = 0\n\n\ndef identify_host(")
    hosts = {
        "identify_host",
        "encode_labels",
        "encode_dataset",
        "describe_host",
        "check_transfer",
        "initialise_scratch",
    }
    assert set(studies.planned(finished, checkout=checkout)) - {"all"} == hosts | AFTER_TRAINING | AFTER_TABLES


def test_newer_copies_of_the_same_files_rerun_nothing(copy):
    later = time.time() + 5
    for name in ("study.yaml", "results/smoke/hosts/raw/card.json"):
        os.utime(copy / name, (later, later))
    assert studies.planned(copy) == {}


@pytest.mark.slow
def test_stale_result_trap(copy, hosts):
    """A changed setting, then one failed upstream job: the same command again must not call a stale result done.

    (Snakemake deletes the outputs of the failed job and records the new parameters; only because `rule all` asks for
    every stage's files, and keys chain, does the next run notice.)
    """
    config = studies.smoke_config(hosts, techniques=["lora"], initialisations=["ported"], references=[])
    config["techniques"]["lora"]["learning_rate"] = 0.02
    studies.write_config(copy, config)
    data = copy / studies.RESULTS / "hosts/raw/prompts/film/train.parquet"
    whole, age = data.read_bytes(), data.stat().st_mtime
    data.write_bytes(whole[:100])
    until = ("--until", "gather_runs")  # `rule all` is asked for, and what follows the table of runs is left out
    broken = studies.run(copy, *until)
    assert broken.returncode != 0
    assert "train.parquet is damaged" in broken.stdout
    data.write_bytes(whole)
    os.utime(data, (age, age))
    assert studies.run(copy, *until).returncode == 0
    folders = (
        studies.module_folder("lora", "raw", "film"),
        studies.start_folder("lora", "raw--instruct", "film", "ported"),
    )
    module, start = (read_card(copy / studies.RESULTS / folder / "card.json") for folder in folders)
    assert module["learning_rate"] == 0.02 and start["weights_sha256"] == module["weights_sha256"]
    (runs,) = studies.read_tables(copy, "runs")
    assert (runs.query("budget_steps > 0")["learning_rate"] == 0.02).all()
    assert studies.planned(copy, *until) == {}
