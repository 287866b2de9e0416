"""A job stops where its code or its data are not those of its key, before it works or after it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from peftport.jobs.unchanged import ChangedMeanwhile, unchanged
from peftport.storage.files import file_digest
from tests import studies

RULE = "prepare_dataset"
JOB = """
import sys, time
from pathlib import Path
from peftport.data.prepare import prepare
from peftport.jobs.unchanged import unchanged
from peftport.paths import pipeline_root
from peftport.storage.code_stamp import keep_parsed, script_stamp

late, stamp = "peftport.data.sources.files", sys.argv[1]
if stamp == "tell":
    print(script_stamp(pipeline_root() / "workflow/scripts/prepare_dataset.py", late))
    keep_parsed()
    sys.exit()
{before}
with unchanged("prepare_dataset", [stamp, late], {{}}):
    {meanwhile}
print("ended well")
"""
REWRITE = "path = Path('src/peftport/{file}'); text = path.read_bytes(); path.write_bytes(text)"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "src"):
        shutil.copytree(studies.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    return folder


@pytest.fixture(scope="module")
def stamp(checkout):
    """The stamp of the job's code."""
    return ends(checkout, "tell")


def ends(checkout, stamp, before="", meanwhile="pass"):
    """What a process says that does a job with this code."""
    code = JOB.format(before=before, meanwhile=meanwhile)
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-c", code, stamp]
    time.sleep(0.05)  # what was edited just now was so before the process began; the system counts in hundredths
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def rewrite(file):
    return REWRITE.format(file=file)


def test_code_is_held_against_the_key(checkout, stamp):
    assert "code changed while this study runs" in ends(checkout, "0" * 16)
    path = checkout / "src/peftport/data/texts.py"
    studies.edit(path, "import", "SPARE = 0\nimport")
    assert "code changed while this study runs; run the same command again" in ends(checkout, stamp)
    studies.edit(path, "SPARE = 0\n", "# a comment\n")
    assert ends(checkout, stamp) == "ended well"


@pytest.mark.slow
def test_code_that_was_written_while_it_was_loaded_stops_the_job(checkout, stamp):
    """Also if it is what it was: nobody knows which of the two Python has loaded."""
    said = ends(checkout, stamp, before=f"time.sleep(0.05); {rewrite('data/texts.py')}")
    assert "code changed while this study runs (texts.py)" in said


@pytest.mark.slow
def test_code_that_is_loaded_late_must_not_have_been_written_meanwhile(checkout, stamp):
    loaded = f"{rewrite('data/sources/files.py')}; import peftport.data.sources.files"
    assert "code changed while this study runs (files.py)" in ends(checkout, stamp, meanwhile=loaded)
    assert ends(checkout, stamp, meanwhile="import peftport.data.sources.files") == "ended well"


def test_code_that_is_loaded_already_may_be_edited(checkout, stamp):
    """A training of hours does not end because somebody works on the library."""
    assert ends(checkout, stamp, meanwhile=rewrite("data/texts.py")) == "ended well"


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "film.csv"
    path.write_text("text,label\na,b\n")
    return path


def test_data_are_held_against_the_key(data):
    with unchanged(RULE, None, {str(data): file_digest(data)}):
        pass
    planned = unchanged(RULE, None, {str(data): "0" * 64})
    with pytest.raises(ChangedMeanwhile, match=r"film.csv changed after this run was planned"), planned:
        raise AssertionError("it worked")


def test_data_that_are_replaced_and_put_back_while_they_are_read_stop_the_job(data):
    times = data.stat()
    planned = unchanged(RULE, None, {str(data): file_digest(data)})
    with pytest.raises(ChangedMeanwhile, match=r"film.csv changed while this job read it"), planned:
        content = data.read_bytes()
        data.write_bytes(b"other")
        data.write_bytes(content)
        os.utime(data, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_an_error_of_the_job_is_the_one_that_is_said(data):
    with pytest.raises(ZeroDivisionError), unchanged(RULE, None, {str(data): file_digest(data)}):
        Path(data).write_text("other")
        raise ZeroDivisionError
