"""Checkpoints that no job would go on from are taken away, and no others."""

from peftport.jobs.checkpoints import Checkpoint
from peftport.planning.leftovers import remove_checkpoints
from peftport.storage.processes import host_name


def checkpoint(folder, log):
    """Where a job with this log leaves its checkpoint, written."""
    path = Checkpoint.of_job(f"{folder}/{log}", "key").path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_those_of_the_study_stay(tmp_path):
    logs = ["logs/evaluate_cell/lora/raw/film.v2/0-1.log", "logs/train_source/lora/raw/film/0.log"]
    kept = [checkpoint(tmp_path, log) for log in logs]
    gone = [
        checkpoint(tmp_path, "logs/evaluate_cell/lora/raw/film.v2/0.log"),
        checkpoint(tmp_path, "logs/evaluate_cell/adapters/raw/film/0.log"),
    ]
    half = gone[1].with_name(f".{gone[1].name}.{host_name()}.4194305.0123abcd.partial")
    half.touch()
    assert sorted(remove_checkpoints(tmp_path, logs)) == sorted(gone)
    assert all(path.exists() for path in kept)
    assert not half.exists() and not gone[1].parent.exists()


def test_nothing_stays_where_nothing_is_left(tmp_path):
    checkpoint(tmp_path, "logs/train_source/lora/raw/film/0.log")
    assert len(remove_checkpoints(tmp_path, [])) == 1
    assert list(tmp_path.iterdir()) == []
    assert remove_checkpoints(tmp_path, []) == []
