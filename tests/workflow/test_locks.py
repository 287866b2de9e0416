"""Two runs in one folder: the second is refused, says what to do, and harms nothing. And the lock of a killed run."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests import studies

TARGET = "results/smoke/datasets/film/train.parquet"
PEFTPORT = [sys.executable, "-c", "from peftport.cli import main; main()"]


@pytest.fixture
def at_work(hosts, tmp_path):
    """A run that holds its folder, stopped where it stands; ended with the test."""
    studies.write_config(tmp_path, studies.smoke_config(hosts))
    process = subprocess.Popen(
        studies.command(tmp_path, TARGET),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list(tmp_path.glob(".snakemake/locks/*.lock")):
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGSTOP)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def peftport(folder, *options):
    environment = os.environ | {"PYTHONPATH": str(studies.ROOT / "src")}
    command = [*PEFTPORT, "--directory", str(folder), "--configfile", str(folder / "study.yaml"), "--cores=1", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_the_second_is_refused_and_the_first_ends_undisturbed(at_work, tmp_path):
    locks = sorted(tmp_path.glob(".snakemake/locks/*.lock"))
    second = studies.run_forked(tmp_path, TARGET)
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout and "--unlock" in second.stdout
    third = peftport(tmp_path, TARGET)
    assert third.returncode != 0
    assert f"peftport --unlock --directory {tmp_path}\n" in third.stderr
    assert sorted(tmp_path.glob(".snakemake/locks/*.lock")) == locks
    os.killpg(at_work.pid, signal.SIGCONT)
    assert at_work.wait() == 0
    assert "Nothing to be done" in studies.run_forked(tmp_path, TARGET).stdout


def test_the_lock_of_a_killed_run_goes_with_the_one_command_that_is_named(at_work, tmp_path):
    os.killpg(at_work.pid, signal.SIGKILL)
    at_work.wait()
    refused = peftport(tmp_path, TARGET)
    assert refused.returncode != 0
    (line,) = [line for line in refused.stderr.splitlines() if line.startswith("    peftport")]
    assert subprocess.run([*PEFTPORT, *line.split()[1:]], capture_output=True).returncode == 0
    again = peftport(tmp_path, TARGET)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / TARGET).is_file()
