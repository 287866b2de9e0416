"""An edit reruns what depends on it and nothing else: the key of DESIGN section 6, on the real workflow."""

import os
import time

import pandas as pd
import pytest
import yaml

from peftport.storage.parquet import read_table
from tests import studies

AFTER_TRAINING = {"train_source", "extract_modules", "make_starts", "evaluate_cell", "gather_runs", "measure_costs"}
AFTER_TABLES = {"compute_statistics", "describe_techniques", "draw_figure", "write_report"}
LIBRARY = "src/peftport"

CODE = {
    "a comment": ("training/loop.py", "class Training:", "# a comment\nclass Training:", set()),
    "a docstring": ("evaluation/metrics.py", '"""Share of equal', '"""The share of equal', set()),
    "the training loop": (
        "training/loop.py",
        "KEEP_EVERY = 10",
        "KEEP_EVERY = 20",
        AFTER_TRAINING | AFTER_TABLES,
    ),
    "what a host is": (
        "hosts/card.py",
        "def identify_host(",
        "SPARE = 0\n\n\ndef identify_host(",
        {"identify_host", "encode_labels", "encode_dataset", "describe_host", "check_transfer", "initialise_scratch"}
        | AFTER_TRAINING
        | AFTER_TABLES,
    ),
    "one figure": (
        "figures/portability_matrix.py",
        "NEEDS = [",
        "SPARE = 0\nNEEDS = [",
        {"draw_figure", "write_report"},
    ),
    "one statistic": (
        "statistics/contrasts.py",
        "def contrasts(",
        "SPARE = 0\n\n\ndef contrasts(",
        AFTER_TABLES - {"describe_techniques"},
    ),
    "how costs are measured": (
        "costs/clock.py",
        "def ratio(",
        "SPARE = 0\n\n\ndef ratio(",
        {"measure_costs", "describe_techniques", "draw_figure", "write_report"},
    ),
    "a metric": (
        "evaluation/metrics.py",
        "def accuracy(",
        "SPARE = 0\n\n\ndef accuracy(",
        {"evaluate_cell", "gather_runs"} | AFTER_TABLES,
    ),
}


@pytest.mark.parametrize("edit", CODE)
def test_editing_the_library(finished, tmp_path, edit):
    file, old, new, expected = CODE[edit]
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / file, old, new)
    assert set(studies.planned(finished, checkout=checkout)) - {"all"} == expected


def test_editing_one_figure_redraws_that_figure(finished, tmp_path):
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / "figures/portability_matrix.py", "NEEDS = [", "SPARE = 0\nNEEDS = [")
    assert studies.planned(finished, checkout=checkout)["draw_figure"] == 1


def test_editing_one_technique_reruns_that_technique(finished, tmp_path):
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / "techniques/lora.py", "def peft_config(", "SPARE = 0\n\n\ndef peft_config(")
    jobs = studies.planned(finished, checkout=checkout)
    assert (jobs["train_source"], jobs["evaluate_cell"]) == (2, 4)  # lora in two hosts; its three starts and native


def test_editing_the_typology_describes_techniques_anew(finished, tmp_path):
    checkout = studies.copy_checkout(tmp_path / "checkout")
    studies.edit(checkout / LIBRARY / "typology/typology.yaml", "is: linear", "is: non_linear")
    jobs = studies.planned(finished, checkout=checkout)
    assert set(jobs) - {"all"} == {"describe_techniques", "draw_figure", "write_report"}
    assert jobs["draw_figure"] == 1


def change(config, path, value):
    *parents, last = path.split(".")
    for name in parents:
        config = config[name]
    config[last] = value


CONFIG = {
    "learning rate of one technique": ("techniques.lora.learning_rate", 0.02, {"train_source": 2, "evaluate_cell": 4}),
    "the prompt": (
        "datasets.film.template",
        "review : {text}",
        {"encode_dataset": 2, "train_source": 4, "evaluate_cell": 9},
    ),
    "length of a prompt": ("training.max_tokens", 12, {"encode_dataset": 2, "train_source": 4, "evaluate_cell": 9}),
    "a further technique": ("grid.techniques", ["lora", "adapters", "ia3"], {"train_source": 2, "evaluate_cell": 4}),
    "a further block of seeds": ("grid.seeds", [[0], [1]], {"train_source": 4, "evaluate_cell": 8}),
    "one technique less": ("grid.techniques", ["lora"], {"gather_runs": 1}),
    "a definition that is not picked": ("techniques.compacter", {"bottleneck": 4}, {}),
}


@pytest.mark.parametrize("edit", CONFIG)
def test_editing_the_config(copy, edit):
    path, value, expected = CONFIG[edit]
    config = yaml.safe_load((copy / "study.yaml").read_text())
    config["techniques"]["ia3"] = {}
    change(config, path, value)
    studies.write_config(copy, config)
    jobs = studies.planned(copy)
    assert {name: jobs.get(name, 0) for name in expected} == expected
    if "train_source" not in expected:
        assert "train_source" not in jobs and "evaluate_cell" not in jobs
    if not expected:
        assert jobs == {}


def test_newer_copies_of_the_same_files_rerun_nothing(copy):
    later = time.time() + 5
    for name in ("study.yaml", "results/smoke/hosts/raw/card.json"):
        os.utime(copy / name, (later, later))
    assert studies.planned(copy) == {}


def test_stale_result_trap(copy, hosts, tmp_path):
    """A changed setting, then one failed upstream job: the same command again must not call a stale result done.

    (Snakemake deletes the outputs of the failed job and records the new parameters; only because `rule all` asks for
    every stage's files, and keys chain, does the next run notice.)
    """
    config = studies.smoke_config(hosts, techniques=["lora"], initialisations=["ported"], references=[])
    config["techniques"]["lora"]["learning_rate"] = 0.02
    studies.write_config(copy, config)
    data = copy / "results/smoke/hosts/raw/prompts/film/train.parquet"
    whole, age = data.read_bytes(), data.stat().st_mtime
    data.write_bytes(whole[:100])
    broken = studies.run(copy)
    assert broken.returncode != 0
    assert "train.parquet is damaged" in broken.stdout
    data.write_bytes(whole)
    os.utime(data, (age, age))
    assert studies.run(copy).returncode == 0
    studies.write_config(tmp_path / "fresh", config)
    assert studies.run(tmp_path / "fresh", "results/smoke/tables/runs.parquet").returncode == 0
    again, fresh = (read_table(at / "results/smoke/tables/runs.parquet", "runs") for at in (copy, tmp_path / "fresh"))
    pd.testing.assert_frame_equal(again, fresh, check_exact=True)
