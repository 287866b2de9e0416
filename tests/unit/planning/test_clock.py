"""Files that are newer than now, and the one line that is said of them."""

import os
import subprocess
import time

import pytest

from peftport.planning.clock import AHEAD_SECONDS, late, newer_than_now

DAY = 24 * 3600


def make(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() + seconds,) * 2)
    return str(path)


def test_what_is_ahead_of_the_clock_is_found(tmp_path):
    """In an output that is a folder, Snakemake's own file counts."""
    ahead = [make(tmp_path / name, DAY) for name in ("ahead", "modules/.snakemake_timestamp", "data/logs/a")]
    make(tmp_path / "old", -DAY)
    make(tmp_path / "skewed", AHEAD_SECONDS / 2)
    make(tmp_path / "logs/deep/a.log", DAY)  # no job reads it
    found = newer_than_now(str(tmp_path))
    assert sorted(found) == sorted(ahead)
    assert found[ahead[0]] == pytest.approx(DAY, abs=5)


def test_nothing_is_said_of_files_as_old_as_they_should_be(tmp_path):
    make(tmp_path / "old", -1)
    assert late(str(tmp_path)) == ""
    assert late(str(tmp_path / "not there yet")) == ""


def test_the_command_that_is_named_makes_them_as_old_as_they_can_be(tmp_path):
    """And all of one age, so that none is newer than what was made from it; older ones stay."""
    results = tmp_path / "results"
    names = ("a", "b/c", "modules/.snakemake_timestamp")
    paths = [make(results / name, DAY + number) for number, name in enumerate(names)]
    old = make(results / "old", -DAY)
    message = late(str(results))
    assert "\n" not in message and message.startswith("3 of this study's files")
    assert "24 h 0 min newer" in message
    assert subprocess.run(message[message.index("find ") :], shell=True).returncode == 0
    assert late(str(results)) == ""
    assert len({os.stat(path).st_mtime for path in paths}) == 1
    assert os.stat(old).st_mtime < time.time() - DAY / 2
