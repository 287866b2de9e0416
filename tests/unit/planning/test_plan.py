"""Parts of a plan: reading configs, optimiser steps, the hub's cache, the text. The whole: tests/workflow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from peftport.paths import CHECKOUT
from peftport.planning.dry_run import Job
from peftport.planning.plan import (
    Download,
    HostTrainings,
    JobNumbers,
    MadeAgain,
    OptimiserSteps,
    Plan,
    StageJobs,
    Trainings,
    TrainingsByKind,
    cuts,
    downloads,
)
from peftport.planning.plan_text import aligned, plan_text
from peftport.settings import TrainingSettings
from peftport.storage.parquet import write_table
from peftport.study.config import ConfigError
from peftport.study.read import merge, read_study
from peftport.study.training_steps import (
    budgets_in_warmup,
    build_steps,
    cell_steps,
    optimiser_steps,
    source_steps,
    warmup_warnings,
)
from tests.encoded import examples
from tests.hub_cache import COMMIT, fill

DEFAULT = CHECKOUT / "config/config.yaml"
SHIPPED = sorted((CHECKOUT / "config/studies").glob("*.yaml"))
PLAN = Plan(
    study="s",
    results="results/s",
    runs=1440,
    references=84,
    trainings=TrainingsByKind(HostTrainings(0), source=Trainings(2, 4), target=Trainings(6, 12)),
    optimiser_steps=OptimiserSteps(modules=12000, modules_to_do=500, hosts=0, hosts_to_do=0),
    jobs=JobNumbers(all=40, up_to_date=20, to_do=20),
    stages=[
        StageJobs("train_source", 40, 20, to_do=20, reasons={"settings or code changed": 15, "not made yet": 5}),
    ],
    made_again=[
        MadeAgain("train_source", {"technique": "lora", "host": f"h{n}"}, "settings or code changed") for n in range(15)
    ],
    downloads=[],
    warnings=[],
)


def test_prompts_that_are_written_say_what_was_cut(tmp_path):
    files = [f"results/s/hosts/raw/prompts/film/{split}.parquet" for split in ("train", "test")]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        data = replace(examples(count=4), cut_tokens=np.asarray([0, 7, 0, 2]))
        write_table(tmp_path / file, data.table(), "prompts", {"facts": data.lengths(16)})
    every = [Job("encode_dataset", {}, "", outputs=(file,)) for file in files] + [Job("gather_runs", {}, "")]
    said = "host raw, dataset film, train: 2 of 4 prompts were cut to 16 tokens and lost 4 tokens on average"
    assert cuts(every, every[1:], tmp_path) == [said]
    assert cuts(every, every, tmp_path) == []


def test_overlays_are_merged_as_snakemake_does():
    into = {"grid": {"seeds": [0, 1], "budgets": [0]}, "study": "a"}
    merge(into, {"grid": {"seeds": [2]}, "study": "b"})
    assert into == {"grid": {"seeds": [2], "budgets": [0]}, "study": "b"}


def test_a_study_is_read_from_several_files(tmp_path):
    (tmp_path / "overlay.yaml").write_text("study: small\ngrid: {seeds: [0]}\n")
    study = read_study([DEFAULT, tmp_path / "overlay.yaml"], tmp_path)
    assert (study.name, study.blocks, study.runs) == ("small", {"0": [0]}, 4 * 2 * 4 * 5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"a: [", "no valid YAML"),
        (b"- a\n", "expected a mapping of keys at the top, got list"),
        (b"study: \xff\n", "expected UTF-8"),
    ],
)
def test_a_file_that_is_no_config(tmp_path, content, message):
    path = tmp_path / "study.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_study([path], tmp_path)


def test_optimiser_steps_of_the_default_study():
    """8 sources of 150 steps and 32 cells of 50, for 5 seeds each; references are not trained."""
    study = read_study([DEFAULT], Path())
    assert {source_steps(study, source) for source in study.sources} == {150 * 5}
    assert {cell_steps(study, cell) for cell in study.cells if cell.is_reference} == {0}
    assert optimiser_steps(study) == 8 * 750 + 32 * 250
    assert build_steps(study, "raw") == 0


def test_every_learning_rate_of_a_list_is_a_training(tmp_path):
    config = yaml.safe_load(DEFAULT.read_text())
    config["techniques"]["lora"]["learning_rate"] = [0.001, 0.003, 0.01]
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    one, listed = read_study([DEFAULT], Path()), read_study([tmp_path / "study.yaml"], tmp_path)
    for steps, entries in ((source_steps, one.sources), (cell_steps, one.cells)):
        for entry in entries:
            assert steps(listed, entry) == steps(one, entry) * (3 if entry.technique == "lora" else 1)
    assert optimiser_steps(listed) == optimiser_steps(one) * (3 + 3) / 4


@pytest.mark.parametrize(
    ("budgets", "steps", "inside"),
    [
        ([0, 10, 25, 100], 30, [10, 25]),
        ([0, 30, 100], 30, [30]),
        ([0, 31], 30, []),
        ([0], 30, []),
        ([1, 5], 0, []),
    ],
)
def test_budgets_inside_the_warmup(budgets, steps, inside):
    assert budgets_in_warmup(budgets, steps) == inside
    said = warmup_warnings(budgets, steps)
    assert len(said) == bool(inside)
    assert all(str(budget) in said[0] for budget in inside)


def test_what_is_said_of_budgets_inside_the_warmup():
    (said,) = warmup_warnings([0, 10, 25, 100], 30)
    assert said.startswith("budgets 10 and 25 lie inside the warm-up of 30 steps (training.warmup_steps): ")
    assert plan_text(replace(PLAN, warnings=[said])).splitlines()[-1] == f"warning: {said}"
    assert "warning" not in plan_text(PLAN)
    assert warmup_warnings([0, 10, 100], 30)[0].startswith("budget 10 lies inside")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_no_budget_of_a_shipped_study_lies_inside_the_warmup(path):
    """Neither inside its own nor inside the default's."""
    config = yaml.safe_load(path.read_text())
    default = TrainingSettings().warmup_steps
    for steps in (config.get("training", {}).get("warmup_steps", default), default):
        assert budgets_in_warmup(config["grid"]["budgets"], steps) == []


def test_a_technique_may_have_its_own_number_of_steps(tmp_path):
    config = yaml.safe_load(DEFAULT.read_text())
    config["techniques"]["lora"]["source_steps"] = 7
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    study = read_study([tmp_path / "study.yaml"], tmp_path)
    assert {source_steps(study, one) for one in study.sources if one.technique == "lora"} == {
        7 * len(config["grid"]["seeds"][0])
    }


def test_steps_of_built_hosts():
    study = read_study([CHECKOUT / "config/studies/bundled-hosts.yaml"], Path())
    assert [build_steps(study, host) for host in ("reviews-raw", "reviews-instruct")] == [4000, 800]


def test_downloads_of_the_published_study(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(fill(tmp_path)))
    study = read_study([CHECKOUT / "config/studies/portability-2024.yaml"], Path())
    needed = {one.name: (one.id, one.in_cache) for one in downloads(study, {})}
    assert set(needed) == {"base-raw", "base-flan", "large-raw", "large-flan", "sst2", "rotten-tomatoes"}
    assert needed["base-flan"] == ("google/flan-t5-base", COMMIT)
    assert needed["sst2"] == ("stanfordnlp/sst2", None)
    assert downloads(read_study([DEFAULT], Path()), {}) == []


def test_the_text_is_aligned():
    assert aligned([("a", "1"), ("bcd", "1,000")], "<>") == ["a        1", "bcd  1,000"]


def test_the_text_of_a_plan():
    text = plan_text(PLAN)
    assert "runs        1,440  rows of tables/runs.parquet" in text
    assert "train_source   40          20     20  15 settings or code changed, 5 not made yet" in text
    assert "  train_source  lora h0   settings or code changed" in text
    assert "and 3 more" in text and "h12" not in text
    assert "nothing to download" in text
    assert "hosts built" not in text


def test_the_text_says_what_is_missing_from_the_cache(monkeypatch):
    entry = Download("host", "base", "google/flan-t5-base", "main", commit=COMMIT, in_cache=COMMIT)
    plan = replace(PLAN, downloads=[entry, replace(entry, kind="dataset", name="sst2", in_cache=None)])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    text = plan_text(plan)
    assert "from the hub, 1 of 2 to download" in text
    assert "in the cache, commit 0123456789ab" in text
    assert "to download, commit 0123456789ab" in text
    assert "HF_HUB_OFFLINE is set" in text
