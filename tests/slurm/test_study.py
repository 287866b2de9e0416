"""A small study through a real SLURM with the profile that ships: what comes out, and what the queue saw."""

from collections import Counter

import pandas as pd
import pytest

from peftport.storage.parquet import read_table
from tests.slurm import cluster

pytestmark = pytest.mark.slurm

# rule -> jobs in the queue, and partition, memory, time and GPUs of each
EXPECTED = {
    "identify_host": (2, "batch", "8000M", "1:00:00", "N/A"),
    "train_source": (1, "accelerated", "4000M", "4:00:00", "gres:gpu:1"),
    "initialise_scratch": (1, "batch", "4000M", "30:00", "N/A"),
    "measure_costs": (1, "accelerated", "8000M", "2:00:00", "gres:gpu:1"),
    "evaluate_cell": (3, "accelerated", "4000M", "4:00:00", "gres:gpu:1"),
    "compute_statistics": (1, "batch", "3000M", "1:00:00", "N/A"),
}


def test_results_equal_those_of_a_run_without_slurm(queued, finished):
    """The study that ran without it has a technique, an initialisation and references more."""
    for name in ("runs", "references"):
        there, here = (
            read_table(folder / f"results/smoke/tables/{name}.parquet", name) for folder in (queued[0], finished)
        )
        part = here[here["technique"].isin(there["technique"]) & here["initialisation"].isin(there["initialisation"])]
        pd.testing.assert_frame_equal(there, part.reset_index(drop=True), check_exact=True)


def test_jobs_ran_in_the_queue_with_what_their_rules_ask_for(queued):
    """And no others: what takes a second runs beside snakemake."""
    jobs = queued[1]
    assert {job.state for job in jobs} == {"COMPLETED"}
    found = Counter((job.rule, job.partition, job.memory, job.time, job.gpus) for job in jobs)
    assert found == {(rule, *asked): count for rule, (count, *asked) in EXPECTED.items()}


def test_a_job_with_a_gpu_says_which_and_what_it_computed_on(queued):
    (log,) = (queued[0] / "results/smoke/logs").glob("train_source/**/*.log")
    # the GPUs of this SLURM are pretend ones
    assert "device: cpu, 1 threads (the GPU it asked for is not there: CUDA_VISIBLE_DEVICES=" in log.read_text()


def test_a_second_run_finds_nothing_to_do(queued, profile):
    out = cluster.run(queued[0], profile, *cluster.ASKED_FOR)
    assert out.returncode == 0
    assert "Nothing to be done" in out.stdout


def test_cells_of_small_hosts_share_a_job_and_its_gpu(copy, profile, tmp_path):
    cells = list((copy / "results/smoke/evaluations").glob("**/scores.parquet"))
    for scores in cells:
        scores.unlink()
    out = cluster.run(copy, cluster.for_small_hosts(profile, tmp_path / "small"), "--until", "evaluate_cell")
    assert out.returncode == 0, out.stdout
    assert all(scores.is_file() for scores in cells) and len(cells) == 3
    (job,) = cluster.jobs(out.stdout)
    assert (job.rule, job.memory, job.time, job.gpus) == ("cells_evaluate", "4000M", "12:00:00", "gres:gpu:1")
