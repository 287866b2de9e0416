"""A folder in which no job can end well: said in one line before any job, with what helps; nothing is thrown away."""

import os
import shutil
import subprocess
import time

import pytest

from peftport.jobs.address_space import GIB
from tests import studies

DAY = 24 * 3600
REPORT = studies.RESULTS / "report.html"


def said(printed, part):
    """The line that holds this part; it may be printed as a warning and as an error, and there is no traceback."""
    assert "Traceback" not in printed
    (line,) = {line.strip() for line in printed.splitlines() if part in line}
    return line


def files(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / studies.RESULTS).rglob("*") if path.is_file()}


def set_clock_back(folder):
    """As it looks when the clock was set back a day since the study ran."""
    for path in (folder / studies.RESULTS).rglob("*"):
        os.utime(path, (path.stat().st_mtime + DAY,) * 2)


@pytest.mark.slow
def test_after_a_clock_was_set_back_nothing_is_thrown_away_and_what_is_named_helps(copy):
    """The run that then ends well takes away the checkpoint of a cell that is in no grid."""
    (copy / REPORT).unlink()
    set_clock_back(copy)
    before = files(copy)
    checkpoint = copy / studies.RESULTS / studies.job_file("checkpoints", "evaluate_cell", "lora/gone.safetensors")
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.touch()
    refused = studies.run(copy)
    assert refused.returncode != 0
    line = said(refused.stdout, "newer than this host's clock says it is now")
    assert {path: age for path, age in files(copy).items() if path in before} == before
    command = line[line.index("find results/smoke") :]
    assert subprocess.run(command, shell=True, cwd=copy).returncode == 0
    assert studies.planned(copy) == {"write_report": 1, "all": 1}
    out = studies.run(copy)
    assert out.returncode == 0, out.stdout
    assert (copy / REPORT).is_file()
    assert "Checkpoints of jobs that this study does not ask for were taken away." in out.stdout
    assert not checkpoint.exists()


@pytest.fixture
def locked_up(copy):
    """Makes folders of the copy such that nobody can write there, until the test ends."""
    made = []

    def lock(name):
        made.append(copy / name)
        made[-1].chmod(0o555)
        immutable = os.getuid() == 0 and ["chattr", "+i", str(made[-1])]
        if immutable and (shutil.which("chattr") is None or subprocess.run(immutable).returncode):
            pytest.skip("root may write everywhere, and this file system has no immutable flag")

    yield lock
    for folder in made:
        if os.getuid() == 0:
            subprocess.run(["chattr", "-i", str(folder)], check=False)
        folder.chmod(0o755)


def test_results_that_cannot_be_written_are_named_before_any_job(copy, locked_up):
    (copy / REPORT).unlink()
    locked_up(studies.RESULTS)
    out = studies.run(copy)
    assert out.returncode != 0
    assert "--directory" in said(out.stdout, "results/smoke cannot be written (")
    assert "Error in rule" not in out.stdout


def test_snakemakes_folder_that_cannot_be_written_is_named(copy, locked_up):
    locked_up(".snakemake")
    out = studies.dry_run(copy)
    assert out.returncode != 0
    assert "--directory" in said(out.stdout, ".snakemake cannot be written (")


def test_where_home_cannot_be_written_peftport_goes_on_and_says_so(copy, tmp_path, monkeypatch):
    (tmp_path / "home").touch()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    options = ("--directory", copy, "--dry-run", "--configfile", copy / "study.yaml")
    out = studies.peftport(*options, HOME=str(tmp_path / "home"))
    assert out.returncode == 0, out.stderr
    assert "(XDG_CACHE_HOME)" in said(out.stderr, "home cannot be written (")


def test_an_address_space_that_is_too_small_is_named_before_any_job(copy):
    (copy / REPORT).unlink()
    limited = ["bash", "-c", f'ulimit -v {GIB // 1024}; exec "$@"', "", *studies.command(copy)]
    out = subprocess.run(
        limited, env=studies.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert out.returncode != 0
    assert "Raise the limit" in said(out.stdout, "limited to 1.0 GiB (ulimit -v)")
    assert not (copy / REPORT).exists()


@pytest.mark.slow
def test_what_a_run_puts_among_temporary_files_goes_with_it(copy, tmp_path):
    """Its own fork server's folder, and that of a run that was killed with its fork server."""
    temporary = tmp_path / "t"
    temporary.mkdir()
    stale = temporary / "peftport-4194305-77"
    stale.mkdir(mode=0o700)
    (stale / "0123456789abcdef").touch()
    shutil.rmtree(copy / studies.RESULTS / "hosts/raw/prompts")
    out = subprocess.run(
        studies.command(copy, "results/smoke/hosts/raw/prompts/film/train.parquet"),
        env=studies.environment() | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert out.returncode == 0, out.stdout
    end = time.monotonic() + 20
    while list(temporary.glob("peftport-*")):
        assert time.monotonic() < end
        time.sleep(0.1)
