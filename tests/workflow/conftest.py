"""One finished smoke study, shared by the tests that look at it; each test that changes it works on a copy."""

import shutil

import pytest

from tests import studies


@pytest.fixture(scope="session")
def hosts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    studies.save_hosts(folder)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory, hosts):
    """The folder of a smoke study that ran to its end."""
    folder = tmp_path_factory.mktemp("finished")
    studies.write_config(folder, studies.smoke_config(hosts))
    out = studies.run(folder, "--verbose")
    assert out.returncode == 0, out.stdout
    (folder / "printed.txt").write_text(out.stdout)
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished study that a test may change."""
    folder = tmp_path / "study"
    shutil.copytree(finished, folder, symlinks=True)
    return folder
