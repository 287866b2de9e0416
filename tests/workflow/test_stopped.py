"""A job that is told to stop leaves a checkpoint; the same command goes on from it and ends equal to the bit."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from tests import processes, studies
from tests.once import once

pytestmark = pytest.mark.slow(seconds=100)

SOURCE = studies.source_folder("lora", "raw", "film")
JOB = ("train_source", "lora", "raw", "film", "0")
STATE = f"{studies.RESULTS}/{SOURCE}/state.safetensors"
LOG = f"{studies.RESULTS}/{studies.job_file('logs', *JOB)}.log"
CHECKPOINT = f"{studies.RESULTS}/{studies.job_file('checkpoints', *JOB)}.safetensors"


def config(hosts):
    """A study with one long source training."""
    made = studies.smoke_config(hosts)
    made["training"]["source_steps"] = 1000
    return made


@pytest.fixture(scope="module")
def undisturbed(hosts, tmp_path_factory):
    """The folder of an undisturbed training, to read only."""

    def fill(folder):
        studies.write_config(folder, config(hosts))
        out = studies.run(folder, STATE)
        assert out.returncode == 0, out.stdout
        assert not (folder / CHECKPOINT).exists()

    return once(tmp_path_factory, "undisturbed", fill)


@pytest.mark.parametrize(("number", "fork_server"), [(signal.SIGTERM, "0"), (signal.SIGUSR1, "1")])
def test_a_job_told_to_stop_goes_on_next_time(undisturbed, tmp_path, number, fork_server):
    """All that the training needs is there, so that it alone begins with the run."""
    shutil.copytree(undisturbed, tmp_path, symlinks=True, dirs_exist_ok=True)
    for name in (STATE, LOG):
        (tmp_path / name).unlink()
    with open(tmp_path / "out", "w") as out:
        process = subprocess.Popen(
            studies.command(tmp_path, STATE),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PEFTPORT_FORK_SERVER": fork_server},
        )
        while not ((tmp_path / LOG).is_file() and "device: " in (tmp_path / LOG).read_text()):
            assert process.poll() is None, (tmp_path / "out").read_text()
            time.sleep(0.05)
        (job,) = [one for one, line in processes.below(process.pid).items() if ".train_source.py" in line]
        loaded = processes.cpu_seconds(job) + 3  # in which the host is loaded, however busy the machine is
        while fork_server == "0" and processes.cpu_seconds(job) < loaded:
            time.sleep(0.05)
        time.sleep(0 if fork_server == "0" else 3)  # of a fork, whose waiting job takes no time
        os.kill(job, number)
        assert process.wait() != 0
    said = (tmp_path / "out").read_text()
    assert f"told to stop by {number.name}, after a checkpoint ({CHECKPOINT}); run snakemake again to go on" in said
    assert (tmp_path / CHECKPOINT).is_file() and not (tmp_path / STATE).exists()
    again = studies.run(tmp_path, STATE)
    assert again.returncode == 0, again.stdout
    assert f"going on from {CHECKPOINT}" in (tmp_path / LOG).read_text()
    assert (tmp_path / STATE).read_bytes() == (undisturbed / STATE).read_bytes()
    assert not (tmp_path / CHECKPOINT).exists()
