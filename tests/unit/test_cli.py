"""The ``peftport`` command: what it passes to Snakemake, and ``peftport plan``."""

import json
import os
import re
import signal
import sys
import threading
from dataclasses import asdict

import pytest

from peftport import cli
from peftport.planning.dry_run import DryRunError
from peftport.study.config import ConfigError
from tests.unit.planning.test_plan import PLAN


def test_all_cores_unless_said_otherwise():
    assert cli.command([])[-2:] == ["--cores", "all"]
    for said in (["-c2"], ["--cores=2"], ["--cores", "2"], ["-j", "1"], ["--executor", "slurm"], ["--profile", "p"]):
        assert cli.command(said)[-len(said) :] == said
        assert "all" not in cli.command(said)


def test_without_a_subcommand_it_runs_the_workflow(monkeypatch):
    called = []
    monkeypatch.setattr(cli, "call", lambda command: called.append(command) or 3)
    monkeypatch.setattr(sys, "argv", ["peftport", "--dry-run"])
    with pytest.raises(SystemExit, match="3"):
        cli.main()
    assert called == [cli.command(["--dry-run"])]


@pytest.mark.parametrize(("status", "locked", "said"), [(1, True, True), (1, False, False), (0, True, False)])
def test_a_refused_run_is_told_how_to_free_the_folder(status, locked, said, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli, "call", lambda command: status)
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
    cli.writable_cache(["--directory", str(tmp_path)])
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / ".snakemake/cache")
    assert "home cannot be written" in capsys.readouterr().err
    cli.writable_cache([])
    assert capsys.readouterr().err == ""
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / ".snakemake/cache")


def test_a_wrong_command_line_starts_nothing(monkeypatch, capsys):
    monkeypatch.setattr(cli, "call", lambda command: pytest.fail("it was started"))
    assert cli.run(["--cores", "0"]) == cli.WRONG
    assert capsys.readouterr().err == "error: `--cores 0`: expected at least 1, or `all`.\n"


def test_after_ctrl_c_the_command_is_waited_for(monkeypatch):
    """The command ends a second after the interrupt, which goes to this process alone."""
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    assert cli.call([sys.executable, "-c", "import time; time.sleep(1.5); raise SystemExit(7)"]) == 7


def test_the_version_is_ours_and_snakemakes(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["peftport", "--version"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert re.fullmatch(r"peftport \S+ \(snakemake \S+\)\n", capsys.readouterr().out)


def test_help_names_the_plan(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["peftport", "--help"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    assert "peftport plan" in capsys.readouterr().out


def test_a_plan_for_people_and_for_machines(monkeypatch, capsys, tmp_path):
    asked = []
    monkeypatch.setattr(cli, "make_plan", lambda *given: asked.append(given) or PLAN)
    monkeypatch.setattr(cli, "plan_text", lambda plan: f"study {plan.study}\n")
    assert cli.plan(["a.yaml", "b.yaml", "--directory", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "study s\n"
    assert cli.plan(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == asdict(PLAN)
    assert [[str(path) for path in configs] for configs, _ in asked] == [["a.yaml", "b.yaml"], []]
    assert asked[0][1] == tmp_path


@pytest.mark.parametrize("error", [ConfigError, DryRunError])
def test_an_error_is_one_line_and_status_2(monkeypatch, capsys, error):
    def wrong(configs, directory):
        raise error("config key `study`:\n  wrong")

    monkeypatch.setattr(cli, "make_plan", wrong)
    assert cli.plan([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: config key `study`: wrong\n"
