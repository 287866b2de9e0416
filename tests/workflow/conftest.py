"""A study with controls that tests share, and a copy of the finished study for tests that change it."""

import shutil

import pytest

from tests import studies
from tests.once import once


@pytest.fixture(scope="session")
def with_controls(tmp_path_factory, hosts):
    """The folder of a study with controls and leaked texts that ran up to its table of runs."""

    def fill(folder):
        targets = str(studies.RESULTS / "tables/runs.parquet"), "hosts"
        studies.finish(folder, studies.leaking_config(hosts, folder), *targets)

    return once(tmp_path_factory, "with_controls", fill)


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished study that a test may change."""
    folder = tmp_path / "study"
    shutil.copytree(finished, folder, symlinks=True)
    return folder
