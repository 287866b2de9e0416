"""The profile for one machine with a GPU: so many jobs share the GPU, no more."""

import itertools
import json
import time
from typing import NamedTuple

import pytest

from tests import studies
from tests.studies import profile_settings as settings

PROFILE = studies.ROOT / "profiles/gpu/profile.yaml"
ON_THE_GPU = ["train_source", "evaluate_cell", "further_train_host", "measure_costs", "ask_teacher", "distil_starts"]
TECHNIQUES, HOSTS = ("lora", "adapters"), ("raw", "instruct")


def test_what_holds_everywhere_is_the_same_as_without_a_gpu():
    assert settings("default").items() <= settings("gpu").items()
    assert settings("slurm")["set-resources"].keys() == settings("gpu")["set-resources"].keys() == set(ON_THE_GPU)


def test_costs_are_measured_alone():
    asked = settings("gpu")
    assert asked["set-resources"]["measure_costs"]["gpu"] == asked["resources"]["gpu"]


@pytest.mark.slow
def test_a_job_that_sees_no_gpu_says_so(copy):
    target = studies.RESULTS / studies.source_folder("lora", "raw", "film") / "state.safetensors"
    (copy / target).unlink()
    out = studies.run(copy, str(target), "--workflow-profile", str(PROFILE.parent))
    assert out.returncode != 0
    assert "this job asked for a GPU and sees none" in out.stdout
    assert "cpu_instead=1" in out.stdout


@pytest.mark.slow
def test_so_many_jobs_share_the_gpu(copy, tmp_path):
    """Of seven jobs that could run at once: four sources, two cells, and what techniques cost."""
    text = PROFILE.read_text().replace("# cpu_instead: 1", "cpu_instead: 1")
    profile = tmp_path / "profile/profile.yaml"
    profile.parent.mkdir()
    profile.write_text(text.replace("gpu: 3", "gpu: 2"))
    files = [f"{studies.source_folder(*of, 'film')}/state.safetensors" for of in itertools.product(TECHNIQUES, HOSTS)]
    cells = [studies.cell_folder(name, "any--instruct", "any--film", "scratch") for name in TECHNIQUES]
    files += [f"{cell}/scores.parquet" for cell in cells] + ["costs/instruct/costs.parquet"]
    files = [studies.RESULTS / name for name in files]
    for path in files:
        (copy / path).unlink()
    since = time.time()
    out = studies.run(copy, "--cores", "4", "--workflow-profile", str(profile.parent), "--", *map(str, files))
    assert out.returncode == 0, out.stdout
    jobs = on_the_gpu(copy, since)
    assert len(jobs) == 4 + 2 + 1
    assert max(len(beside(job, jobs)) for job in jobs) == 1
    assert [beside(job, jobs) for job in jobs if job.rule == "measure_costs"] == [[]]


class Job(NamedTuple):
    """A job of the GPU's rules, and when it ran, as Snakemake noted."""

    rule: str
    log: str
    start: float
    end: float


def on_the_gpu(folder, since):
    """Jobs that began since then. Snakemake's notes are one per file; those of a job's files differ by milliseconds."""
    notes = [json.loads(path.read_text()) for path in (folder / ".snakemake/metadata").rglob("*") if path.is_file()]
    jobs = [Job(one["rule"], one["log"][0], one["starttime"], one["endtime"]) for one in notes]
    return list({job.log: job for job in jobs if job.rule in ON_THE_GPU and job.start >= since}.values())


def beside(job, jobs):
    """The other jobs that were at work when this one began."""
    return [other for other in jobs if other is not job and other.start <= job.start < other.end]
