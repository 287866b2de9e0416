"""``peftport plan`` against Snakemake's own dry run; the 1,440 runs counted from the jobs of the DAG."""

import json
import re
import sys

import pytest
import yaml

from peftport.planning.graph import Graph
from peftport.planning.plan import make_plan
from peftport.planning.plan_text import plan_text
from peftport.study.entries import Cell
from peftport.study.read import read_study
from tests import studies, warm
from tests.workflow.test_configs import COUNTED as PUBLISHED

WILDCARDS = re.compile(r"^rule evaluate_cell:\n(?:    .*\n)*?    wildcards: (.*)$", re.MULTILINE)


def shipped(name):
    return studies.ROOT / "config/studies" / f"{name}.yaml"


def plan(*arguments, folder=None):
    """Run the command, without a network."""
    return studies.peftport("plan", *arguments, folder=folder, HF_HUB_OFFLINE="1")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A study of 1,440 runs whose hosts come from a hub: its folder, and its plan."""
    folder = tmp_path_factory.mktemp(PUBLISHED[0])
    (folder / "study.yaml").write_text(shipped(PUBLISHED[0]).read_text())
    done = plan(folder / "study.yaml", "--directory", folder, "--json")
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.slow
def test_the_dag_holds_1440_runs(published, monkeypatch):
    """Every job that evaluates a cell gives its rows; a shared start gives them to each run that it stands for."""
    folder, made = published
    monkeypatch.setenv("PEFTPORT_CONSOLE", "full")
    printed = studies.dry_run(folder).stdout
    jobs = [Cell(**dict(part.split("=") for part in text.split(", "))) for text in WILDCARDS.findall(printed)]
    study = read_study([shipped(PUBLISHED[0])], studies.ROOT)
    rows = {
        (counted, budget, seed)
        for counted, done in study.expanded_runs()
        for budget in study.budgets
        for seed in study.blocks[counted.block]
        if done in jobs
    }
    assert len(rows) == 1440
    assert len(set(jobs)) == len(jobs) == len({done for _, done in study.expanded_runs()}) + 20
    assert sum(job.is_reference for job in jobs) == 20  # 4 hosts alone, and 4 techniques native to each
    stages = {counts["stage"]: counts["to_do"] for counts in made["stages"]}
    assert stages | {"all": 1} == studies.job_counts(printed)


@pytest.mark.slow
def test_the_plan_of_the_published_study(published):
    _, made = published
    assert (made["runs"], made["references"]) == (1440, 4 + 4 * 4 * 5)
    assert made["trainings"]["source"] == {"jobs": 32, "modules": 160}
    assert made["trainings"]["target"] == {"jobs": 80, "modules": 400}
    assert made["trainings"]["host"]["jobs"] == 0
    assert made["warnings"] == []
    assert len(made["downloads"]) == 6
    (cells,) = (counts["to_do"] for counts in made["stages"] if counts["stage"] == "evaluate_cell")
    assert cells == len({done for _, done in read_study([shipped(PUBLISHED[0])], studies.ROOT).expanded_runs()}) + 20


def test_the_published_study_on_tiny_hosts_has_the_same_grid():
    published, tiny = (Graph(read_study([shipped(name)], studies.ROOT)) for name in PUBLISHED)
    assert len(list(tiny.study.expanded_runs())) == len(list(published.study.expanded_runs()))
    jobs, tiny_jobs = ({rule: len(stages) for rule, stages in graph.stages.items()} for graph in (published, tiny))
    assert tiny_jobs == jobs | {"build_host": 4, "convert_host": 0}


@pytest.mark.parametrize("name", PUBLISHED)
def test_reconstructions_are_said_to_be_ours(name):
    assert len(read_study([shipped(name)], studies.ROOT).config.reconstructions) >= 4
    assert "reconstruction" in shipped(name).read_text().partition("\nstudy:")[0]


def test_the_default_study_is_planned_where_none_is_named(tmp_path):
    done = plan("--directory", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "study demo -> results/demo/" in done.stdout
    assert "runs        800  rows of tables/runs.parquet" in done.stdout


def test_a_profile_that_is_quiet_changes_no_plan(hosts, tmp_path):
    """Snakemake takes the profile of the folder that it starts in."""
    config = studies.write_config(tmp_path, studies.smoke_config(hosts))
    jobs = sum(map(len, Graph(read_study([config], tmp_path)).stages.values()))
    profile = tmp_path / "profiles/default/profile.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("quiet: [rules, progress, reason]\n")
    assert json.loads(plan(config, "--json", folder=tmp_path).stdout)["jobs"]["to_do"] == jobs > 40


def test_a_finished_study_and_an_edit(copy, monkeypatch):
    """Nothing to do; then what a changed rate of one technique makes again, and that the rest stays."""
    monkeypatch.setattr(sys, "executable", str(warm.python()))
    done = make_plan([copy / "study.yaml"], copy)
    assert done.jobs.to_do == 0 and done.made_again == []
    assert done.optimiser_steps.modules_to_do == 0
    assert "nothing to be done" in plan_text(done)
    config = yaml.safe_load((copy / "study.yaml").read_text())
    config["techniques"]["lora"]["learning_rate"] = 0.02
    studies.write_config(copy, config)
    edited = make_plan([copy / "study.yaml"], copy)
    assert {counts.stage: counts.to_do for counts in edited.stages if counts.to_do} | {"all": 1} == studies.planned(
        copy
    )
    up_to_date = {counts.stage: (counts.up_to_date, counts.to_do) for counts in edited.stages}
    assert up_to_date["prepare_dataset"] == (1, 0) and up_to_date["train_source"] == (2, 2)
    again = [job for job in edited.made_again if job.stage == "train_source"]
    assert {job.names["technique"] for job in again} == {"lora"} and len(again) == 2
    assert {job.reason for job in again} == {"settings or code changed"}
    assert 0 < edited.optimiser_steps.modules_to_do < edited.optimiser_steps.modules
    assert "train_source" in plan_text(edited).partition("\nmade again\n")[2]
    assert edited.warnings == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rank: 8", "rnak: 8", "Did you mean `rank`?"),
        ("bundled: reviews-raw", "bundled: reviews-rwa", "no bundled host `reviews-rwa`"),
    ],
)
def test_a_wrong_config_is_one_line(tmp_path, old, new, message):
    (tmp_path / "study.yaml").write_text((studies.ROOT / "config/config.yaml").read_text())
    studies.edit(tmp_path / "study.yaml", old, new)
    done = plan(tmp_path / "study.yaml", "--directory", tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
