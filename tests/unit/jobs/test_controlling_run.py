"""The run of a job: jobs end with it, and the folders of its fork servers go."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import peftport
from peftport.jobs.controlling_run import (
    RUN,
    remove_folders_of_dead_runs,
    remove_own_folder,
    servers_folder,
)
from peftport.storage.processes import alive, beginning_of
from tests.unit.jobs.test_fork_server import until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux only")
LIBRARY = Path(peftport.__file__).parents[1]
JOB = """
from peftport.jobs.controlling_run import end_with_run
end_with_run()
import os, time
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def shell():
    """Starts a shell that plays Snakemake; it is ended with the test."""
    begun = []

    def start(command):
        begun.append(
            subprocess.Popen(
                ["bash", "-c", command, "", sys.executable, JOB],
                env=os.environ | {"PYTHONPATH": str(LIBRARY)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def test_a_job_without_a_fork_server_ends_with_a_killed_run(shell):
    """Whatever stands between it and the run: as with Snakemake, a shell that outlives it."""
    process = shell(f'export {RUN}=$$; bash -c \'"$1" -c "$2"; :\' "" "$1" "$2"; :')
    job = int(process.stdout.readline())
    assert alive(job)
    process.kill()
    until(lambda: not alive(job), 5)


def test_a_job_whose_run_has_ended_does_not_begin(shell):
    process = shell(f'true & wait; export {RUN}=$!; "$1" -c "$2"; :')
    out, error = process.communicate(timeout=20)
    assert out == "" and "has ended" in error


@pytest.mark.parametrize(
    "before", ["", "sleep 9 >/dev/null 2>&1 & export PEFTPORT_RUN=$!; "], ids=["no run", "run is no ancestor"]
)
def test_a_job_of_no_run_stays(shell, before):
    process = shell(f'unset {RUN}; {before}"$1" -c "$2"')
    assert alive(int(process.stdout.readline()))


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folder_of(process, began):
    folder = servers_folder(process, began)
    folder.mkdir(mode=0o700)
    (folder / "0123456789abcdef").touch()
    return folder


def test_folders_of_dead_runs_go_and_others_stay(temporary):
    dead = subprocess.Popen(["true"])
    dead.wait()
    gone = [folder_of(dead.pid, "77"), folder_of(os.getpid(), "1")]  # the second's id was given again
    stays = [folder_of(os.getpid(), beginning_of(os.getpid())), temporary / "peftport-plan-77", temporary / "notes"]
    for folder in stays[1:]:
        folder.mkdir()
    public = folder_of(dead.pid, "78")
    public.chmod(0o755)
    link = temporary / f"peftport-{dead.pid}-79"
    link.symlink_to(stays[2])
    (stays[2] / "kept").touch()
    remove_folders_of_dead_runs()
    assert not any(folder.exists() for folder in gone)
    assert sorted(temporary.iterdir()) == sorted([*stays, public, link])
    assert (stays[2] / "kept").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_stays(temporary):
    dead = subprocess.Popen(["true"])
    dead.wait()
    folder = folder_of(dead.pid, "77")
    os.chown(folder, 65534, 65534)
    remove_folders_of_dead_runs()
    assert folder.exists()


def test_a_run_takes_its_own_folder_away(temporary):
    folder = folder_of(os.getpid(), beginning_of(os.getpid()))
    remove_own_folder()
    assert not folder.exists()
    remove_own_folder()
