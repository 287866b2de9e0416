"""An edit reruns what depends on it and nothing else: the key of DESIGN section 6, on the real workflow."""

import os
import time

import pytest
import yaml

from peftport.storage.cards import read_card
from tests import studies

AFTER_TRAINING = {"train_source", "extract_modules", "make_starts", "evaluate_cell", "gather_runs", "measure_costs"}
AFTER_TABLES = {"compute_statistics", "describe_techniques", "draw_figure", "write_report"}
LIBRARY = "src/peftport"

CODE = {
    "a comment": ("training/loop.py", "class Training:", "# a comment\nclass Training:", set()),
    "what a host is": (
        "hosts/identify.py",
        "def identify_host(",
        "SPARE = 0\n\n\ndef identify_host(",
        {"identify_host", "encode_labels", "encode_dataset", "describe_host", "check_transfer", "initialise_scratch"}
        | AFTER_TRAINING
        | AFTER_TABLES,
    ),
    "how costs are measured": (
        "costs/clock.py",
        "def ratio(",
        "SPARE = 0\n\n\ndef ratio(",
        {"measure_costs", "describe_techniques", "draw_figure", "write_report"},
    ),
}


@pytest.mark.parametrize("edit", CODE)
def test_editing_the_library(finished, tmp_path, edit):
    """Which stages run again; ``test_rerun_table.py`` counts the jobs after every edit that docs/reruns.md names."""
    file, old, new, expected = CODE[edit]
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / file, old, new)
    assert set(studies.planned(finished, checkout=checkout)) - {"all"} == expected


def test_editing_one_figure_redraws_that_figure(finished, tmp_path):
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / "figures/portability_matrix.py", "NEEDS = [", "SPARE = 0\nNEEDS = [")
    assert studies.planned(finished, checkout=checkout) == {"draw_figure": 1, "write_report": 1, "all": 1}


def test_editing_the_typology_describes_techniques_anew(finished, tmp_path):
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / "typology/typology.yaml", "is: linear", "is: non_linear")
    jobs = studies.planned(finished, checkout=checkout)
    assert set(jobs) - {"all"} == {"describe_techniques", "draw_figure", "write_report"}
    assert jobs["draw_figure"] == 1


def test_editing_the_config(copy):
    config = yaml.safe_load((copy / "study.yaml").read_text())
    config["techniques"]["lora"]["learning_rate"] = 0.02
    studies.write_config(copy, config)
    jobs = studies.planned(copy)
    assert (jobs["train_source"], jobs["evaluate_cell"]) == (2, 4)  # lora in two hosts; its three starts and native


def test_newer_copies_of_the_same_files_rerun_nothing(copy):
    later = time.time() + 5
    for name in ("study.yaml", "results/smoke/hosts/raw/card.json"):
        os.utime(copy / name, (later, later))
    assert studies.planned(copy) == {}


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
