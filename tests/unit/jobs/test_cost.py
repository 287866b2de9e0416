"""What a job says that it cost."""

import time
from pathlib import Path

from peftport.jobs.cost import COLUMNS, cost, cost_file, process_began, write_cost


def test_the_cost_stands_beside_the_logs():
    log = Path("results/logs/logs/train_source/lora/seeds-0.2.log")  # a study may be called like a folder
    assert cost_file(log) == Path("results/logs/benchmarks/train_source/lora/seeds-0.2.tsv")


def test_cost_counts_the_whole_process():
    before = cost(time.monotonic())
    end, number = time.process_time() + 0.05, 0
    while time.process_time() < end:
        number += 1
    ballast = bytearray(200 * 2**20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    after = cost(time.monotonic())
    assert after["cpu_seconds"] > before["cpu_seconds"]
    assert after["peak_mebibytes"] >= 200
    assert after["wall_seconds"] > before["wall_seconds"]


def test_where_the_system_does_not_say_when_a_process_began_the_job_does(monkeypatch):
    monkeypatch.setattr("peftport.jobs.cost.process_began", lambda: None)
    assert cost(time.monotonic() - 5)["wall_seconds"] >= 5


def test_a_process_began_before_now():
    assert process_began() is None or process_began() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_one_row_under_its_names(tmp_path):
    write_cost(tmp_path / "results/a/logs/job.log", time.monotonic())
    names, values = (tmp_path / "results/a/benchmarks/job.tsv").read_text().splitlines()
    assert tuple(names.split("\t")) == COLUMNS
    assert all(float(value) > 0 for value in values.split("\t"))
