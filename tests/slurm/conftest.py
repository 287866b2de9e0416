"""A SLURM for the session, and one small study that ran through it; each test that changes it works on a copy."""

import shutil
from importlib.util import find_spec

import pytest

from tests import studies
from tests.slurm import cluster


@pytest.fixture(scope="session")
def slurm():
    """A SLURM of one node: the one that runs, else one that is started and stopped again."""
    if find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("the SLURM plugin is not installed: pip install '.[slurm]'")
    if cluster.node("running").returncode == 0:
        yield
        return
    started = cluster.node("start")
    if started.returncode:
        pytest.skip(f"no SLURM can be started here: {started.stderr.strip()}")
    yield
    cluster.node("stop")


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    return cluster.edited_profile(tmp_path_factory.mktemp("profiles") / "slurm")


@pytest.fixture(scope="session")
def config(hosts):
    """A part of the study that ``finished`` holds."""
    return studies.smoke_config(hosts, techniques=["lora"], initialisations=["ported", "scratch"], references=["bare"])


@pytest.fixture(scope="session")
def queued(tmp_path_factory, slurm, profile, config):
    """The folder of a study that ran through the queue to a table and its costs, and the jobs that it had there."""
    folder = tmp_path_factory.mktemp("queued")
    studies.write_config(folder, config)
    out = cluster.run(folder, profile, *cluster.ASKED_FOR)
    assert out.returncode == 0, out.stdout
    return folder, cluster.jobs(out.stdout)


@pytest.fixture
def copy(queued, tmp_path):
    """A copy of that study which a test may change."""
    folder = tmp_path / "study"
    shutil.copytree(queued[0], folder, symlinks=True)
    return folder
