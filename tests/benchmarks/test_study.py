"""The comparison of the workflow with one process per run: what the rival is asked to do, and that both sides run."""

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from benchmarks import study as study_benchmark
from benchmarks.comparison import accuracy_table, read_accuracies
from benchmarks.jobs import rival_jobs, script_commands
from benchmarks.measured import Cost
from benchmarks.rival import run, source
from benchmarks.study import slice_of
from benchmarks.whole_study import arithmetic, counts
from peftport.hosts.locate import bundled_folder
from peftport.paths import CHECKOUT
from peftport.storage.files import write_json
from peftport.study.config import check_config
from peftport.study.settings import StudySettings
from peftport.study.study import Study
from tests import studies


@pytest.fixture
def config(tmp_path):
    """A tiny study in the bundled hosts, whose label words are single tokens."""
    hosts = {"raw": {"bundled": "reviews-raw"}, "instruct": {"bundled": "reviews-instruct"}}
    return check_config(studies.smoke_config(tmp_path, techniques=["lora"]) | {"hosts": hosts})


def given(folder, study, examples):
    """Hosts and datasets as the workflow leaves them."""
    results = folder / "results" / study.name
    for name in study.hosts:
        place = bundled_folder(study.config.hosts[name].bundled)
        write_json(results / "hosts" / name / "host.json", {"folder": str(place)})
    for split in ("train", "test"):
        path = results / "datasets/film" / f"{split}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        examples.to_parquet(path)
    return folder


@pytest.fixture
def examples():
    texts = ["the film was good", "a bad story", "good actors in it", "the end was bad and slow"]
    labels = ["positive", "negative", "positive", "negative"]
    return pd.DataFrame({"example_id": list("abcd"), "text": texts, "label": labels})


def test_the_rival_does_every_run_and_reference_of_the_study_once(config, tmp_path, examples):
    study = Study(StudySettings.model_validate(config))
    jobs = rival_jobs(study, given(tmp_path / "given", study, examples), tmp_path)
    assert {kind: len(those) for kind, those in jobs.items()} == counts(study)
    assert len(jobs["run"]) == study.runs + 2  # bare and native
    assert len({job["result"] for job in jobs["run"]}) == len(jobs["run"])
    made = {job["module"] for job in jobs["source"]}
    assert {job["module"] for job in jobs["run"] if job["initialisation"] in ("ported", "sampled", "native")} <= made


@pytest.mark.slow
def test_both_scripts_train_and_test(config, tmp_path, examples):
    study = Study(StudySettings.model_validate(config))
    jobs = rival_jobs(study, given(tmp_path / "given", study, examples), tmp_path)
    for kind, script in (("source", source), ("run", run)):
        for job in jobs[kind]:
            script.main(job | {"training": job["training"] | {"source_steps": 1}})
    reached = [json.loads((tmp_path / job["result"]).read_text())["accuracy"] for job in jobs["run"]]
    assert len(reached) == study.runs + 2
    assert all(value in (0, 0.25, 0.5, 0.75, 1) for value in reached)


def test_a_slice_keeps_budgets_and_the_initialisations_that_the_rival_knows(config):
    part = slice_of(check_config(yaml.safe_load((CHECKOUT / "config/config.yaml").read_text())), ["lora"], 1, [4, 5])
    grid = part["grid"]
    assert (grid["techniques"], len(grid["transfers"]), grid["seeds"]) == (["lora"], 1, [4, 5])
    assert grid["initialisations"] == ["ported", "sampled", "scratch"]  # the rival does not know `matched`
    assert Study(StudySettings.model_validate(part)).runs == 1 * 1 * 3 * 5 * 2


def test_the_arithmetic_of_the_whole_study(config):
    """Twice the seeds: twice the scripts and twice the steps, but still one test of the bare host."""
    whole = Study(StudySettings.model_validate(config | {"grid": config["grid"] | {"seeds": [0, 1]}}))
    part, kinds = Study(StudySettings.model_validate(config)), [{"source": Cost(2, 3), "run": Cost(16, 24)}]
    assert (counts(part), counts(whole)) == ({"source": 2, "run": 8}, {"source": 4, "run": 15})
    text = "\n".join(arithmetic(part, whole, [Cost(4, 5)], kinds))
    assert "4 source scripts x 1.00 s + 15 run scripts x 2.00 s = 34 s" in text
    assert "4.0 s x 34 / 17 optimiser steps = 8 s; **ratio 4.25**" in text


def test_commands_read_what_was_written(tmp_path):
    (command,) = script_commands("run", [{"seed": 3}], tmp_path)
    assert command[:3] == [sys.executable, "-m", "benchmarks.rival.run"]
    assert json.loads((tmp_path / "run-0.json").read_text()) == {"seed": 3}


def test_the_benchmark_itself(finished, tmp_path, monkeypatch, capsys):
    """Its commands are played: Snakemake leaves what is in the finished study, a script the half of all answers."""
    asked = []

    def play(commands, *_):
        asked.extend(commands)
        for command in commands:
            if "snakemake" in command:
                place = Path(command[command.index("--directory") + 1]) / "results/slice"
                shutil.copytree(finished / studies.RESULTS, place, symlinks=True, dirs_exist_ok=True)
            elif "result" in (job := json.loads(Path(command[-1]).read_text())):
                write_json(Path(job["result"]), {"accuracy": 0.5})
        return Cost(1, 2)

    monkeypatch.setattr(study_benchmark, "measure", play)
    monkeypatch.setattr(study_benchmark, "run", lambda command, *_: play([command]))
    options = ["--config", str(finished / "study.yaml"), "--techniques", "lora,adapters", "--seeds", "0"]
    results = tmp_path / "pages"
    monkeypatch.setattr("sys.argv", ["study", *options, "--repetitions", "1", "--results", str(results)])
    study_benchmark.main()
    (page,) = results.iterdir()
    assert page.read_text() in capsys.readouterr().out
    for part in ("| 0 | 1.0 | 2.0 | 2.00 | 2.0 | 4.0 | 2.00 |", "| evaluate_cell | 9 |", "Over 15 runs: "):
        assert part in page.read_text()
    assert [command[2] for command in asked].count("snakemake") == 2
    assert [command[2] for command in asked].count("benchmarks.rival.run") == 15


def test_the_table_counts_groups_that_differ(config):
    names = {"technique": "lora", "budget_steps": 0}
    rows = [
        names | {"initialisation": start, "ours": ours, "rival": rival}
        for start, pairs in (("ported", [(0.9, 0.6), (0.91, 0.61)]), ("scratch", [(0.5, 0.7), (0.8, 0.5)]))
        for ours, rival in pairs
    ]
    text = accuracy_table(pd.DataFrame(rows))
    assert "| lora | ported | 0 | 2 | 0.905 | 0.605 | +0.300 | 0.007 |" in text
    assert "1 of 2 groups differ by more than two standard errors" in text


def test_a_missing_run_is_noticed(config, tmp_path):
    with pytest.raises(FileNotFoundError):
        read_accuracies(Study(StudySettings.model_validate(config)), tmp_path, tmp_path)
