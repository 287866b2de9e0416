"""Files that are newer than now, and the one line that is said of them."""

import os
import subprocess
import time

import pytest

from peftport.planning.clock import AHEAD_SECONDS, OF_FOLDERS, late, newer_than_now

DAY = 24 * 3600


def make(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (time.time() + seconds,) * 2)
    return str(path)


def test_what_is_ahead_of_the_clock_is_found(tmp_path):
    ahead = make(tmp_path / "ahead", DAY)
    others = [make(tmp_path / "old", -DAY), make(tmp_path / "skewed", AHEAD_SECONDS / 2), str(tmp_path / "absent")]
    found = newer_than_now([*others, ahead])
    assert list(found) == [ahead]
    assert found[ahead] == pytest.approx(DAY, abs=5)


def test_a_folder_counts_by_what_snakemake_puts_into_it(tmp_path):
    make(tmp_path / "modules" / OF_FOLDERS, DAY)
    assert list(newer_than_now([str(tmp_path / "modules")])) == [str(tmp_path / "modules")]


def test_nothing_is_said_of_files_as_old_as_they_should_be(tmp_path):
    assert late([make(tmp_path / "old", -1)], str(tmp_path)) == ""


def test_the_command_that_is_named_makes_them_as_old_as_they_can_be(tmp_path):
    """And all of one age, so that none is newer than what was made from it; older ones stay."""
    results = tmp_path / "results"
    paths = [make(results / name, DAY + number) for number, name in enumerate(("a", "b/c", f"modules/{OF_FOLDERS}"))]
    old = make(results / "old", -DAY)
    message = late(paths, str(results))
    assert "\n" not in message and message.startswith("3 of this study's files")
    assert "are 24 h 0 min newer" in message
    assert (
        subprocess.run(message.partition(": find")[1][2:] + message.partition(": find")[2], shell=True).returncode == 0
    )
    assert late(paths, str(results)) == ""
    assert len({os.stat(path).st_mtime for path in paths}) == 1
    assert os.stat(old).st_mtime < time.time() - DAY / 2
