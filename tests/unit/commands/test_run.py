"""``peftport run``, and ``peftport`` alone: what is passed to Snakemake, locks, the cache."""

import os
import signal
import sys
import threading

import pytest

from peftport import cli
from peftport.commands import run


def test_all_cores_unless_said_otherwise():
    assert run.command([])[-2:] == ["--cores", "all"]
    for said in (["-c2"], ["--cores=2"], ["--cores", "2"], ["-j", "1"], ["--executor", "slurm"], ["--profile", "p"]):
        assert run.command(said)[-len(said) :] == said
        assert "all" not in run.command(said)


def test_without_a_subcommand_it_runs_the_workflow(monkeypatch):
    called = []
    monkeypatch.setattr(run, "call", lambda command: called.append(command) or 3)
    monkeypatch.setattr(sys, "argv", ["peftport", "--dry-run"])
    with pytest.raises(SystemExit, match="3"):
        cli.main()
    assert called == [run.command(["--dry-run"])]


@pytest.mark.parametrize(("status", "locked", "said"), [(1, True, True), (1, False, False), (0, True, False)])
def test_a_refused_run_is_told_how_to_free_the_folder(status, locked, said, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(run, "call", lambda command: status)
    monkeypatch.setattr(sys, "argv", ["peftport", "-d", str(tmp_path), "--cores", "2"])
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    if locked:
        (tmp_path / ".snakemake/locks/0.output.lock").touch()
    with pytest.raises(SystemExit, match=str(status)):
        cli.main()
    assert (f"peftport --unlock --directory {tmp_path}\n" in capsys.readouterr().err) == said


def test_where_home_cannot_be_written_the_cache_moves_and_it_is_said(monkeypatch, capsys, tmp_path):
    """A file stands where the folder would be, which stops root too."""
    (tmp_path / "home").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home/cache"))
    run.writable_cache(["--directory", str(tmp_path)])
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / ".snakemake/cache")
    assert "home cannot be written" in capsys.readouterr().err
    run.writable_cache([])
    assert capsys.readouterr().err == ""
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / ".snakemake/cache")


def test_a_wrong_command_line_starts_nothing(monkeypatch, capsys):
    monkeypatch.setattr(run, "call", lambda command: pytest.fail("it was started"))
    assert run.run(["--cores", "0"]) == run.WRONG
    assert capsys.readouterr().err == "error: `--cores 0`: expected at least 1, or `all`.\n"


def test_after_ctrl_c_the_command_is_waited_for(monkeypatch):
    """The command ends a second after the interrupt, which goes to this process alone."""
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert run.call([sys.executable, "-c", "import time; time.sleep(1.5); raise SystemExit(7)"]) == 7


def test_its_help_is_ours_and_starts_nothing(monkeypatch, capsys):
    monkeypatch.setattr(run, "call", lambda command: pytest.fail("it was started"))
    assert run.run(["--help"]) == 0
    said = capsys.readouterr().out
    assert "--configfile" in said and "snakemake --help" in said
