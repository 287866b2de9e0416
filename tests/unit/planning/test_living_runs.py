"""Which runs live in a folder, and whose locks stay."""

import os
import subprocess
import sys
from dataclasses import asdict

import pytest

from peftport.planning import living_runs as runs
from peftport.planning.living_runs import LOCKS, Run, living_runs, locks, locks_of_dead_runs, note_run
from peftport.storage.files import write_json
from peftport.storage.processes import host_name


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with locks of the studies ``a`` and ``b``; what is to happen at the end of the process is left out."""
    monkeypatch.setattr(runs.atexit, "register", lambda *given, **named: None)
    (tmp_path / LOCKS).mkdir(parents=True)
    for number, study in enumerate("ab"):
        (tmp_path / LOCKS / f"{number}.output.lock").write_text(f"results/{study}/x\nresults/{study}/y\n")
    return tmp_path


def noted(folder, **facts):
    run = Run(**({"study": "a", "host": host_name(), "process": os.getppid(), "began": "", "since": "now"} | facts))
    write_json(folder / run.note, asdict(run))
    return run


def names(paths):
    return [path.name for path in paths]


def test_without_a_note_every_lock_is_of_a_killed_run(folder):
    assert locks_of_dead_runs(folder) == locks(folder) != []


def test_a_living_runs_lock_stays(folder):
    run = noted(folder)
    assert living_runs(folder) == [run]
    assert names(locks_of_dead_runs(folder)) == ["1.output.lock"]


@pytest.mark.parametrize("facts", [{"process": 2**22 + 1}, {"began": "1"}], ids=["dead", "id given again"])
def test_a_dead_run_holds_nothing_and_its_note_goes_with_the_next_run(folder, facts):
    run = noted(folder, **facts)
    assert living_runs(folder) == []
    assert locks_of_dead_runs(folder) == locks(folder)
    note_run("b", folder)
    assert not (folder / run.note).exists()


def test_a_run_of_another_host_counts_as_living_and_it_is_said_how_to_say_otherwise(folder):
    run = noted(folder, host="node-7", process=2**22 + 1)
    note_run("b", folder)
    assert living_runs(folder) == [run]
    assert f"if it is dead, remove {run.note}" in str(run)
    assert names(locks_of_dead_runs(folder)) == ["1.output.lock"]


def test_this_process_is_no_other_run(folder):
    note_run("a", folder)
    assert living_runs(folder) == []
    assert (folder / f".snakemake/peftport/{host_name()}.{os.getpid()}.json").is_file()


def test_a_damaged_note_is_none(folder):
    run = noted(folder)
    for text in ("{", '{"study": "a"}'):
        (folder / run.note).write_text(text)
        assert living_runs(folder) == []


def test_a_note_goes_with_its_process(tmp_path):
    code = (
        "import os; from peftport.planning.living_runs import note_run; note_run('a'); "
        "assert os.listdir('.snakemake/peftport')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ, check=False)
    assert done.returncode == 0
    assert os.listdir(tmp_path / ".snakemake/peftport") == []
