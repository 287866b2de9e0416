"""Folders that cannot be written are named before any job starts."""

import os
from pathlib import Path

import pytest

from peftport.planning.writable import unwritable


def test_nothing_is_said_of_folders_that_can_be_written(tmp_path):
    assert unwritable([tmp_path, tmp_path / "not/made/yet"]) == ""
    assert os.listdir(tmp_path) == []


def test_the_first_that_cannot_is_named_with_the_cause_and_what_helps(tmp_path):
    """A file in its place stops root too."""
    (tmp_path / "results").touch()
    said = unwritable([tmp_path, tmp_path / "results/smoke"])
    assert said.startswith(f"{tmp_path / 'results'} cannot be written (Not a directory).")
    assert "--directory" in said and "\n" not in said


def test_permission_and_owner_are_said(read_only):
    said = unwritable([read_only / "smoke"])
    assert said.startswith(f"{read_only} cannot be written (")
    assert "permi" in said.lower()


@pytest.mark.skipif(not os.access("/proc/1", os.R_OK), reason="needs /proc")
def test_whose_it_is_is_said_where_it_is_anothers(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert "; it belongs to root)" in unwritable([Path("/proc/1")])
