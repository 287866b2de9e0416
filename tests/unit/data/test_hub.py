import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from peftport.data import hub
from peftport.data.settings import HubDataset
from peftport.tasks.labels.rows import LabelledTexts
from tests import hub_server
from tests.hub_server import Repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LABELS = {"0": "negative", "1": "positive"}
HUB = {
    "id": "someone/films",
    "revision": COMMIT,
    "splits": {"train": "train", "test": "validation"},
    "columns": {"text": "sentence"},
}
IMPORTS = "from peftport.data.hub import read_hub\nfrom peftport.data.settings import HubDataset\n"
IMPORTS += "from peftport.tasks.labels.rows import LabelledTexts"


def snapshot(cache):
    """A dataset in a cache as huggingface_hub lays it out: a branch that points to a commit's folder."""
    home = cache / "datasets--someone--films"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT)
    data = home / "snapshots" / COMMIT / "data"
    data.mkdir(parents=True)
    (data / "train.csv").write_text("sentence,label,idx\ngood film,1,0\nbad film,0,1\n")
    (data / "validation.csv").write_text("sentence,label,idx\ndull  film,0,0\n")


def offline(code, cache):
    """Run code in a process that has no network and this cache."""
    places = {"HF_HOME": str(cache), "HF_HUB_CACHE": str(cache / "hub"), "HF_HUB_OFFLINE": "1"}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    run = [sys.executable, "-c", f"{IMPORTS}\n{code}"]
    return subprocess.run(run, capture_output=True, text=True, env=os.environ | places | {"PYTHONPATH": path})


def test_a_cached_dataset_is_read_without_a_network(tmp_path):
    pytest.importorskip("datasets", reason="needs the extra `hub`")
    snapshot(tmp_path / "hub")
    code = f"""
splits, facts = read_hub(HubDataset.model_validate({HUB!r}), LabelledTexts({LABELS!r}))
assert splits == {{"train": [("good film", "positive"), ("bad film", "negative")], "test": [("dull film", "negative")]}}
assert facts["revision"] == {COMMIT!r} and facts["id"] == "someone/films", facts
for change, message in [
    ({{"splits": {{"train": "train", "test": "tset"}}}}, "no split `tset`. Known: `train`, `validation`"),
    ({{"columns": {{"text": "sentences"}}}}, "no column 'sentences' for the text. Did you mean `sentence`"),
    ({{"columns": {{"text": "sentence", "label": "idx2"}}}}, "no column 'idx2' for the label"),
    ({{"revision": "f" * 40}}, "neither in the local cache"),
    ({{"revision": "v9"}}, "the revision `v9` could not be resolved"),
    ({{"id": "someone/else"}}, "hf download someone/else --revision"),
    ({{"id": "no such: id"}}, "no repository can have this name"),
    ({{"name": "other"}}, "cannot be read"),
]:
    try:
        read_hub(HubDataset.model_validate({HUB!r} | change), LabelledTexts({LABELS!r}))
    except (ValueError, FileNotFoundError) as error:
        assert message in str(error), (change, error)
    else:
        raise AssertionError(change)
try:
    read_hub(HubDataset.model_validate({HUB!r}), LabelledTexts({{"0": "negative", "2": "positive"}}))
except ValueError as error:
    assert "train, row 1: label '1' is not in the label map" in str(error), error
"""
    done = offline(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


class Table(list):
    """Rows of a CSV, by column as the package for hub datasets gives them."""

    column_names = ("sentence", "label")

    def __getitem__(self, name):
        return [row[name] for row in self]


def test_a_dataset_comes_from_the_hub(tmp_path, monkeypatch):
    def load_dataset(folder, name):
        assert name is None
        return {file.stem: Table(csv.DictReader(file.open())) for file in Path(folder).rglob("*.csv")}

    monkeypatch.setattr(hub, "_reader", lambda: load_dataset)
    files = {
        "data/train.csv": b"sentence,label\ngood film,1\n",
        "data/validation.csv": b"sentence,label\ndull film,0\n",
    }
    with hub_server.running() as server:
        server.repositories["datasets/someone/films"] = Repository({COMMIT: files}, {"main": COMMIT})
        hub_server.use(server, tmp_path, monkeypatch)
        splits, facts = hub.read_hub(HubDataset.model_validate(HUB), LabelledTexts(LABELS))
    assert splits == {"train": [("good film", "positive")], "test": [("dull film", "negative")]}
    assert facts["revision"] == COMMIT


def test_absent_packages_are_named(monkeypatch):
    """Before anything is downloaded."""
    monkeypatch.setattr(hub, "fetch", None)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"pip install 'peftport\[hub\]'"):
        hub.read_hub(HubDataset.model_validate(HUB), LabelledTexts(LABELS))
