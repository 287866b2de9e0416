"""A folder for all processes of a test session is filled once, also after an error."""

import multiprocessing
from types import SimpleNamespace

import pytest

from tests.once import MADE, once


@pytest.fixture(autouse=True)
def _no_folder_of_several_sessions(monkeypatch):
    monkeypatch.delenv(MADE, raising=False)


def ask(base, number):
    """Ask for the folder as a worker of pytest-xdist does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        own = base / f"popen-gw{number}"
        own.mkdir(exist_ok=True)

        def fill(folder):
            for place in range(200):
                with open(folder / "filled", "a") as file:
                    file.write(f"{number}.{place}\n")

        folder = once(SimpleNamespace(getbasetemp=lambda: own), "shared", fill)
        assert len((folder / "filled").read_text().splitlines()) == 200


def test_several_processes_share_what_one_of_them_makes(tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=ask, args=(tmp_path, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    lines = (tmp_path / "once/shared/filled").read_text().splitlines()
    assert len({line.partition(".")[0] for line in lines}) == 1


def test_what_an_error_left_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    factory = SimpleNamespace(getbasetemp=lambda: tmp_path / "own")

    def broken(folder):
        (folder / "half").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        once(factory, "shared", broken)
    assert list(once(factory, "shared", lambda folder: (folder / "whole").touch()).iterdir()) == [
        tmp_path / "once/shared/whole"
    ]


def test_two_sessions_share_what_is_made_in_a_named_folder(tmp_path, monkeypatch):
    monkeypatch.setenv(MADE, str(tmp_path / "made"))
    sessions = (SimpleNamespace(getbasetemp=lambda name=name: tmp_path / name) for name in ("first", "second"))
    filled = []
    folders = {once(session, "shared", filled.append) for session in sessions}
    assert folders == set(filled) == {tmp_path / "made/shared"} and len(filled) == 1
