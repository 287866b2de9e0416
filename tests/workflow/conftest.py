"""One finished smoke study, shared by the tests that look at it; each test that changes it works on a copy."""

import shutil

import pytest

from tests import studies
from tests.once import once


@pytest.fixture(scope="session")
def finished(tmp_path_factory, hosts):
    """The folder of a smoke study that ran to its end, to read only, or for dry runs."""

    def fill(folder):
        studies.write_config(folder, studies.smoke_config(hosts))
        out = studies.run(folder)
        assert out.returncode == 0, out.stdout
        (folder / "printed.txt").write_text(out.stdout)

    return once(tmp_path_factory, "finished", fill)


@pytest.fixture(scope="session")
def with_controls(tmp_path_factory, hosts):
    """The folder of a study with controls and leaked texts that ran up to its table of runs."""

    def fill(folder):
        studies.write_config(folder, studies.leaking_config(hosts, folder))
        out = studies.run(folder, str(studies.RESULTS / "tables/runs.parquet"), "hosts")
        assert out.returncode == 0, out.stdout

    return once(tmp_path_factory, "with_controls", fill)


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished study that a test may change."""
    folder = tmp_path / "study"
    shutil.copytree(finished, folder, symlinks=True)
    return folder
