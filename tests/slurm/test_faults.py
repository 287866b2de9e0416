"""What goes wrong on a cluster, on one cell of a finished study: nothing that was finished is lost or made again."""

import os
import subprocess

import pandas as pd
import pytest

from peftport.storage.parquet import read_provenance, read_table, write_table
from tests import studies
from tests.slurm import cluster

pytestmark = pytest.mark.slurm

CELL = f"{studies.RESULTS}/{studies.cell_folder('lora', 'raw--instruct', 'film--film', 'ported')}"
SCORES = f"{CELL}/scores.parquet"


@pytest.fixture
def study(copy):
    """The finished study without the results of one cell."""
    for file in (copy / CELL).iterdir():
        file.unlink()
    return copy


@pytest.fixture
def start(study, profile):
    """Starts snakemake for that cell; nothing of it outlives the test."""
    started = []

    def begin():
        started.append(cluster.start(study, profile, SCORES))
        return started[-1]

    yield begin
    for process in started:
        cluster.kill(process)
    subprocess.run(["scancel", "--user=root"], check=True)


@pytest.fixture
def intact(study, queued):
    """Call it at the end: the cell is as it was, and no other file of the results was touched."""
    before = ages(study)

    def check():
        tables = [read_table(folder / SCORES, "scores") for folder in (queued[0], study)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)
        assert {path: age for path, age in ages(study).items() if path in before} == before

    return check


def ages(study):
    """Files of the results but logs and benchmarks, and when each was written."""
    files = [path for path in (study / "results").rglob("*.*") if not {"logs", "benchmarks"} & set(path.parts)]
    return {path: path.stat().st_mtime_ns for path in files if path.is_file()}


def spoil(path):
    """A label that is none, in a whole file of the same key and age; returns a function that puts the old one back.

    (A damaged file would not do: the job sets it aside, and the second attempt makes it anew.)
    """
    whole, stat = path.read_bytes(), path.stat()
    write_table(path, read_table(path, "prompts").assign(label="purple"), "prompts", read_provenance(path))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def mend():
        path.write_bytes(whole)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    return mend


def test_a_failing_job_is_tried_again_with_more_and_reported_with_its_log(study, profile, intact):
    mend = spoil(study / "results/smoke/hosts/instruct/prompts/film/test.parquet")
    out = cluster.run(study, profile, SCORES)
    assert out.returncode != 0
    assert "label 'purple' is none of ['negative', 'positive']" in out.stdout
    first, second = cluster.jobs(out.stdout)
    assert (first.state, first.memory, first.time) == ("FAILED", "4000M", "4:00:00")
    assert (second.state, second.memory, second.time) == ("FAILED", "8000M", "8:00:00")
    for job in (first, second):
        (log,) = (study / "logs/slurm").rglob(f"{job.number}.log")
        assert str(log) in out.stdout
    mend()
    again = cluster.run(study, profile, SCORES)
    assert again.returncode == 0, again.stdout
    assert len(cluster.jobs(again.stdout)) == 1
    intact()


def test_a_job_that_sees_no_gpu_stops_unless_the_profile_allows_the_cpu(study, profile, tmp_path):
    strict = tmp_path / "strict"
    strict.mkdir()
    (strict / "profile.yaml").write_text((profile / "profile.yaml").read_text().replace("cpu_instead: 1", ""))
    out = cluster.run(study, strict, SCORES, "--retries", "0")
    assert out.returncode != 0
    assert "this job asked for a GPU and sees none" in out.stdout


def test_a_cancelled_job_is_tried_again(study, start, intact):
    process = start()
    subprocess.run(["scancel", cluster.wait_for_job(process, study)], check=True)
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert [job.state for job in cluster.jobs(printed)] == ["CANCELLED", "COMPLETED"]
    intact()


def test_a_job_whose_time_runs_out_goes_on_from_its_checkpoint(tmp_path, slurm, config, profile):
    """Of a training that takes hours the first attempt is ended after a minute; the second begins where it stood."""
    techniques = {"lora": config["techniques"]["lora"] | {"source_steps": 1_000_000}}
    studies.write_config(tmp_path, config | {"techniques": techniques})
    source = studies.source_folder("lora", "raw", "film")
    state = f"{studies.RESULTS}/{source}/state.safetensors"
    log = tmp_path / studies.RESULTS / f"{studies.job_file('logs', 'train_source', 'lora', 'raw', 'film', '0')}.log"
    process = cluster.start(tmp_path, profile, state, "--set-resources", "train_source:runtime=1")
    try:
        for said in ("told to stop by SIGTERM, after a checkpoint", "going on from"):
            cluster.wait_until(lambda said=said: said in log.read_text(), 400)
    finally:
        cluster.kill(process)
        subprocess.run(["scancel", "--user=root"], check=True)


def test_a_node_that_dies_and_comes_back_costs_its_jobs_only(study, start, intact):
    process = start()
    cluster.wait_for_job(process, study)
    assert cluster.node("crash").returncode == 0
    assert cluster.node("boot").returncode == 0
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    intact()


def test_after_a_killed_controller_one_command_frees_the_folder(study, profile, start, intact):
    process = start()
    cluster.wait_for_job(process, study)
    cluster.kill(process)
    refused = cluster.run(study, profile, SCORES)
    assert refused.returncode != 0
    assert "--unlock" in refused.stdout
    assert studies.run(study, "--unlock").returncode == 0
    again = cluster.run(study, profile, SCORES)
    assert again.returncode == 0, again.stdout
    intact()
