import os
import subprocess
import time

import pytest

from peftport.storage import processes
from peftport.storage.files import atomic_write, file_digest, read_json, write_json, write_text


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "deep" / "name.txt"
    with atomic_write(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        assert partial.parent == path.parent
    assert path.read_text() == "half"
    assert os.listdir(path.parent) == ["name.txt"]


def test_a_failed_block_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "name.txt") as partial:
        partial.write_text("half")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_failed_block_leaves_the_older_file(tmp_path):
    write_text(tmp_path / "name.txt", "old")
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "name.txt") as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "name.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["name.txt"]


def partial(name, process, host=None):
    return f".{name}.{host or processes.host_name()}.{process}.0123abcd.partial"


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    """And what a living one writes stays, as does what belongs to another file."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    stays = [partial("name.txt", os.getppid()), partial("other.txt", dead.pid)]
    for name in (partial("name.txt", dead.pid), *stays):
        (tmp_path / name).write_text("half")
    write_text(tmp_path / "name.txt", "whole")
    assert sorted(os.listdir(tmp_path)) == sorted([*stays, "name.txt"])


def test_a_partial_file_of_another_host_stays_for_a_day(tmp_path, monkeypatch):
    """Its process id says nothing here, whether a process of this host has it or none."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    new, old = (tmp_path / partial("name.txt", process, "node-7") for process in (dead.pid, os.getppid()))
    for path, hours in ((new, 23), (old, 25)):
        path.write_text("half")
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    write_text(tmp_path / "name.txt", "whole")
    assert new.exists() and not old.exists()
    monkeypatch.setattr(processes.platform, "node", lambda: "node.7")
    write_text(tmp_path / "name.txt", "whole")  # on that host the process is known to be dead
    assert os.listdir(tmp_path) == ["name.txt"]


def test_two_writers_of_one_file_share_no_partial_file(tmp_path):
    with atomic_write(tmp_path / "name.txt") as first, atomic_write(tmp_path / "name.txt") as second:
        first.write_text("first")
        second.write_text("second")
        assert first != second
        assert all(f".{processes.host_name()}.{os.getpid()}." in path.name for path in (first, second))
    assert (tmp_path / "name.txt").read_text() == "first"
    assert os.listdir(tmp_path) == ["name.txt"]


def test_a_block_that_writes_nothing_fails(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "name.txt"):
        pass


def test_json_comes_back_and_equal_values_give_equal_bytes(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None, "ä"]})
    write_json(tmp_path / "b.json", {"a": [1.5, None, "ä"], "b": 1})
    assert read_json(tmp_path / "a.json") == {"a": [1.5, None, "ä"], "b": 1}
    assert file_digest(tmp_path / "a.json") == file_digest(tmp_path / "b.json")


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"{}}"])
def test_damaged_json_is_named(tmp_path, damage):
    (tmp_path / "card.json").write_bytes(damage)
    with pytest.raises(ValueError, match=r"card\.json is damaged"):
        read_json(tmp_path / "card.json")


def test_digest_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
