"""Two runs in one folder: the second is refused, says what to do, and harms nothing. And the lock of a killed run."""

import os
import signal
import subprocess
import time

import pytest

from tests import studies

TARGET = "results/smoke/datasets/film/train.parquet"


@pytest.fixture
def held(hosts, tmp_path):
    """Starts a run of a study and stops it as soon as it holds its files; ended with the test."""
    begun = []

    def start(study="smoke"):
        config = studies.write_config(tmp_path, studies.smoke_config(hosts) | {"study": study})
        before = set(tmp_path.glob(".snakemake/locks/*.lock"))
        process = subprocess.Popen(
            studies.command(tmp_path, TARGET.replace("smoke", study)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        begun.append(process)
        while not any(path.stat().st_size for path in set(tmp_path.glob(".snakemake/locks/*.output.lock")) - before):
            assert process.poll() is None
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGSTOP)
        assert config.is_file()
        return process

    yield start
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def peftport(folder, *options):
    return studies.peftport("--directory", folder, "--configfile", folder / "study.yaml", "--cores=1", *options)


def locks_in(folder):
    return sorted(folder.glob(".snakemake/locks/*.lock"))


def test_the_second_is_refused_and_the_first_ends_undisturbed(held, tmp_path):
    """And nobody is told to free what a living run holds, nor can he."""
    at_work = held()
    locks = locks_in(tmp_path)
    second = studies.run(tmp_path, TARGET)
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout
    third = peftport(tmp_path, TARGET)
    assert third.returncode != 0
    (said,) = [line for line in third.stderr.splitlines() if line.startswith("This folder is locked")]
    assert f"a run that is at work: study smoke, process {at_work.pid} on " in said and "peftport --unlock" not in said
    freed = peftport(tmp_path, "--unlock")
    assert freed.returncode == 1 and f"process {at_work.pid} on " in freed.stdout
    refused = studies.run(tmp_path, "--unlock")
    assert refused.returncode != 0 and "--unlock would free its files too" in refused.stdout
    assert locks_in(tmp_path) == locks
    os.killpg(at_work.pid, signal.SIGCONT)
    assert at_work.wait() == 0
    assert "Nothing to be done" in studies.run(tmp_path, TARGET).stdout
    assert not list(tmp_path.glob(f".snakemake/peftport/*.{at_work.pid}.json"))


@pytest.mark.slow
def test_the_lock_of_a_killed_run_goes_and_that_of_another_studys_living_run_stays(held, tmp_path):
    living = held("other")
    locks = locks_in(tmp_path)
    killed = held()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert locks_in(tmp_path) != locks
    refused = peftport(tmp_path, TARGET)
    assert refused.returncode != 0
    (line,) = [line for line in refused.stderr.splitlines() if line.startswith("    peftport")]
    freed = studies.peftport(*line.split()[1:])
    assert freed.returncode == 0
    assert "locks of killed runs (" in freed.stdout and f"study other, process {living.pid} on " in freed.stdout
    assert [path for path in locks_in(tmp_path) if "output" in path.name] == [
        path for path in locks if "output" in path.name
    ]
    again = peftport(tmp_path, TARGET)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / TARGET).is_file()
