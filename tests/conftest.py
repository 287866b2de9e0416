"""What holds for every test: one thread, workers side by side, ``pytest --minutes N``; and what several rooms read.

With ``--minutes N``, tests that would begin later than so many minutes from now are left out, and said to be.
"""

import gc
import os
import shutil
import subprocess
import sys
import time

import pytest

from peftport.storage.code_stamp import PARSED
from tests import warm
from tests.once import once, session_folder

MOST_WORKERS = 8  # each holds torch, and the studies that it runs have two jobs at a time


def pytest_addoption(parser):
    parser.addoption("--minutes", type=float, help="begin no test later than this, counted from now")


def pytest_configure(config):
    minutes = config.getoption("--minutes")
    config.last_begin = None if minutes is None else time.monotonic() + 60 * minutes
    gc.disable()  # looking for garbage is a fifth of the time that the imports take


def pytest_collection_modifyitems(items):
    """Tests that run studies come first, all with the worker that begins: it makes what they share, and none waits.

    Longer tests come last, so that ``--minutes`` leaves out those; of them the longest come first (``slow`` says how
    long they take), so that no worker ends alone with one.
    """

    def place(item):
        slow = item.get_closest_marker("slow")
        seconds = slow.kwargs.get("seconds", 0) if slow else 0
        return slow is not None, -seconds, "workflow" not in item.path.parts

    items.sort(key=place)


def pytest_collection_finish():
    """What the imports made stays, and is looked through no more."""
    gc.enable()
    gc.freeze()


def pytest_runtest_setup(item):
    last = item.config.last_begin
    if last is not None and time.monotonic() > last:
        pytest.skip("no time left for it (--minutes)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Workers of ``-n auto``: one for each core that this process may use; one in all for SLURM, which they share."""
    if config.getoption("markexpr") == "slurm":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def use_one_thread():
    """Give torch one thread, if it is loaded: the number of threads moves the last bit of what is computed."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _one_thread_in_fixtures():
    """One thread for fixtures of sessions and modules, which pytest makes before those of single tests."""
    use_one_thread()


@pytest.fixture(autouse=True)
def _one_thread_in_tests():
    """One thread for every test, whatever the test before set."""
    use_one_thread()


@pytest.fixture(scope="session", autouse=True)
def _code_is_parsed_once(tmp_path_factory):
    """All runs of this test session keep in one file what they parse for code stamps; a run has one in its folder."""
    os.environ[PARSED] = str(session_folder(tmp_path_factory) / "parsed" / "code.json")


@pytest.fixture(scope="session", autouse=True)
def _warm_processes(tmp_path_factory):
    """All tests of this session share the processes of ``tests.warm``, which end with it."""
    folder = session_folder(tmp_path_factory) / "warm"
    folder.mkdir(exist_ok=True)
    warm.offer(folder, os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid())


@pytest.fixture(scope="session")
def hosts(tmp_path_factory):
    """The folder of two tiny hosts, ``raw`` and ``instruct``, to read only."""
    from tests import studies

    return once(tmp_path_factory, "hosts", studies.save_hosts)


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """A folder with two tiny hosts, a dataset, and modules trained on it, to read only; see ``tests.ground``."""

    def fill(folder):
        from tests.ground import prepare_ground

        prepare_ground(folder)

    return once(tmp_path_factory, "ground", fill)


@pytest.fixture
def read_only(tmp_path):
    """A folder in which nobody can make a file: by its permissions, and for root by its immutable flag."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    folder.chmod(0o555)
    root = os.getuid() == 0
    if root and (shutil.which("chattr") is None or subprocess.run(["chattr", "+i", str(folder)]).returncode):
        pytest.skip("root may write everywhere, and this file system has no immutable flag")
    yield folder
    if root:
        subprocess.run(["chattr", "-i", str(folder)], check=True)
    folder.chmod(0o755)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, hosts):
    """The folder of a smoke study that ran to its end, to read only, or for dry runs."""
    from tests import studies

    return once(tmp_path_factory, "finished", lambda folder: studies.finish(folder, studies.smoke_config(hosts)))


@pytest.fixture(scope="session")
def whole_study(tmp_path_factory, hosts):
    """The folder of a finished study with every kind of file, to read only; see ``studies.whole_config``."""
    from tests import studies

    return once(
        tmp_path_factory, "whole_study", lambda folder: studies.finish(folder, studies.whole_config(hosts, folder))
    )
