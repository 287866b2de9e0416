"""A training whose loss is no number: its runs are marked, shown and left out, and so is what starts from it."""

import pytest

from peftport.storage.cards import read_card
from peftport.storage.parquet import read_table
from tests import studies

FAR = 1e60  # the learning rate of a training that diverges at once


@pytest.fixture
def diverging(hosts):
    """A study in which `lora` diverges; its source training does too, where it has one."""

    def config(**grid):
        config = studies.smoke_config(hosts, **grid)
        config["techniques"]["lora"]["learning_rate"] = FAR
        return config

    return config


@pytest.mark.slow(seconds=50)
def test_a_source(diverging, tmp_path):
    """What starts from its modules has failed as well, at step 0; everything else is as ever, and the study ends."""
    studies.write_config(tmp_path, diverging())
    out = studies.run(tmp_path)
    assert out.returncode == 0, out.stdout
    results = tmp_path / "results/smoke"
    card = read_card(results / studies.module_folder("lora", "raw", "film") / "card.json")
    assert card["failed_at_step"] == 2
    runs = read_table(results / "tables/runs.parquet", "runs")
    failed = runs.dropna(subset="failed_at_step")
    steps = failed.groupby(["technique", "initialisation", "budget_steps"])["failed_at_step"].agg(list).to_dict()
    moved = {("lora", start, budget): [0] for start in ("ported", "sampled") for budget in (0, 3)}
    assert steps == moved | {("lora", "scratch", 3): [2]}
    references = read_table(results / "tables/references.parquet", "references").dropna(subset="failed_at_step")
    assert references[["technique", "initialisation", "failed_at_step"]].values.tolist() == [["lora", "native", 0]]
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "The loss of 4 trainings was no finite number" in page
    job = studies.job_file("logs", "evaluate_cell", "lora", "any", "instruct", "any", "film", "scratch", "0", "any")
    log = (results / f"{job}.log").read_text()
    assert "seed 0, learning rate 1e+60, budget 3: failed, the loss is no finite number at step 2" in log
    assert studies.planned(tmp_path) == {}
