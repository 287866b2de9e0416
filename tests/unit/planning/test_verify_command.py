"""``peftport verify`` as a command: exit status, what it prints, what it refuses."""

import json
import shutil

import pytest

from peftport.commands import verify as command
from tests import studies

PAGE = studies.RESULTS / "report.html"


@pytest.fixture
def study(whole_study, tmp_path):
    folder = tmp_path / "a study"
    shutil.copytree(whole_study, folder, symlinks=True)
    return folder


def verify(folder, *options):
    return command.verify([str(folder / "study.yaml"), "--directory", str(folder), *map(str, options)])


@pytest.mark.slow
def test_a_study_that_is_well(study, capsys):
    assert verify(study) == 0
    line = capsys.readouterr().out
    assert line.startswith("study smoke: ") and line.endswith(" s: all is well\n") and line.count("\n") == 1


@pytest.mark.slow
def test_what_is_wrong_is_said_then_repaired(study, capsys):
    (study / PAGE).write_text("other")
    (study / "results/smoke/old.svg.damaged").write_text("earlier")
    assert verify(study) == 1
    first, earlier, numbers, how, command = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{PAGE} is damaged: its checksum is not the one of when report.json was written")
    assert earlier.startswith("results/smoke/old.svg.damaged was set aside earlier")
    assert numbers.endswith(": 1 problem") and how.startswith("To set aside what is wrong")
    assert command == f"    peftport verify '{study}/study.yaml' --directory '{study}' --repair"
    assert (study / PAGE).exists()
    assert verify(study, "--repair") == 1
    out = capsys.readouterr().out
    assert f"{PAGE} now lies in {PAGE}.damaged\n" in out
    assert out.endswith(f"such as\n    peftport --configfile '{study}/study.yaml' --directory '{study}'\n")
    assert not (study / PAGE).exists() and (study / f"{PAGE}.damaged").exists()


@pytest.mark.slow
def test_for_machines(study, capsys):
    (study / PAGE).unlink()
    assert verify(study, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["faults"] == [{"path": str(PAGE), "why": "is not there"}] and found["is_well"] is False
    assert found["study"] == "smoke" and found["files"] > 80 and found["moved"] == found["outside"] == []


@pytest.mark.slow
def test_nothing_is_moved_while_files_from_outside_are_changed(study, capsys):
    """They may be put back, and then the results are right as they are."""
    with open(study / "mine/film.csv", "a") as data:
        data.write('"one more film",positive\n')
    (study / PAGE).write_text("other")
    before = sorted(study.rglob("*"))
    assert verify(study, "--repair") == 1
    out = capsys.readouterr().out
    assert out.startswith(f"{study}/mine/film.csv is damaged: ") and "First put back the files from outside" in out
    assert sorted(study.rglob("*")) == before


@pytest.mark.slow
def test_nothing_is_moved_while_a_run_is_at_work(study, capsys):
    (study / PAGE).write_text("other")
    (study / ".snakemake/locks").mkdir(exist_ok=True)
    (study / ".snakemake/locks/0.input.lock").touch()
    assert verify(study, "--repair") == 2
    assert "a run is at work in this folder" in capsys.readouterr().err and (study / PAGE).exists()


@pytest.mark.slow
def test_a_manifest_is_written_of_a_study_that_is_well_and_held_against_one(study, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert verify(study, "--manifest", "manifest.json") == 0
    assert command.verify(["--against", "manifest.json", "--directory", str(study)]) == 0
    assert "all is well" in capsys.readouterr().out
    (study / PAGE).write_text("other")
    assert command.verify(["--against", "manifest.json", "--directory", str(study)]) == 1
    assert f"{study / PAGE} has 5 bytes, expected " in capsys.readouterr().out
    assert verify(study, "--manifest", "other.json") == 1
    assert "No manifest was written to other.json" in capsys.readouterr().out
    assert not (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["absent.yaml"], "config"),
        (["--directory", "absent"], "expected a folder, there is none"),
        (["--against", "absent.json"], "manifest absent.json: No such file or directory"),
        (["absent.yaml", "--against", "absent.json"], "expected no config beside a manifest"),
    ],
)
def test_what_cannot_be_verified_is_said(arguments, why, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert command.verify(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and why in error and error.count("\n") == 1


@pytest.mark.slow
def test_a_data_file_that_is_gone_is_said(study, capsys):
    (study / "mine/film.csv").unlink()
    assert verify(study) == 2
    assert "mine/film.csv" in capsys.readouterr().err
