"""Where hosts lie: bundled, a path, a hub's cache without a network, a study's own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from peftport.hosts.locate import bundled_folder, bundled_names, host_folder, hub_commit, known_folder
from peftport.hosts.settings import HostSettings
from peftport.storage.files import DamagedFile, file_digests, read_json

COMMIT, OTHER = "0123456789abcdef0123456789abcdef01234567", "f" * 40
LOCATE = """
import sys
from pathlib import Path
from peftport.hosts.locate import host_folder, hub_commit
from peftport.hosts.settings import HostSettings
try:
    hub = {"id": sys.argv[1], "revision": sys.argv[2]}
    folder = host_folder(HostSettings.model_validate({"hub": hub}), Path("built"))
    print(folder, hub_commit(folder))
except FileNotFoundError as error:
    print("refused:", error)
"""


@pytest.fixture
def cache(tmp_path):
    """A hub's cache as huggingface_hub lays it out: blobs, a snapshot of links to them, a ref to its commit."""
    root = tmp_path / "home" / "hub" / "models--some--host"
    (root / "blobs").mkdir(parents=True)
    for commit in (COMMIT, OTHER):
        snapshot = root / "snapshots" / commit
        snapshot.mkdir(parents=True)
        for name, content in {"config.json": f'{{"commit": "{commit}"}}', "model.safetensors": "weights"}.items():
            blob = root / "blobs" / f"{name}.{commit}"
            blob.write_text(content)
            (snapshot / name).symlink_to(os.path.relpath(blob, snapshot))
    for name, commit in {"main": COMMIT, "v2": OTHER}.items():
        (root / "refs").mkdir(exist_ok=True)
        (root / "refs" / name).write_text(commit)
    return tmp_path / "home"


def locate(home, identifier, revision, variable="HF_HOME"):
    """In a process of its own, because huggingface_hub reads its variables once."""
    names = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "TRANSFORMERS_CACHE")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {variable: str(home), "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    out = subprocess.run(
        [sys.executable, "-c", LOCATE, identifier, revision], env=environment, capture_output=True, text=True
    )
    assert out.returncode == 0, out.stderr
    return out.stdout.strip()


@pytest.mark.parametrize("commit", [COMMIT, OTHER])
def test_a_hubs_host_is_found_in_the_cache_without_a_network(cache, commit):
    folder, found = locate(cache, "some/host", commit).split()
    assert found == commit
    assert folder == str(cache / "hub/models--some--host/snapshots" / commit)
    assert read_json(f"{folder}/config.json") == {"commit": commit}


def test_the_cache_may_lie_elsewhere(cache):
    assert locate(cache / "hub", "some/host", COMMIT, "HF_HUB_CACHE").endswith(COMMIT)


@pytest.mark.parametrize(("identifier", "revision"), [("some/other", COMMIT), ("some/host", "a" * 40)])
def test_what_is_not_in_the_cache_is_refused_with_what_to_do(cache, identifier, revision):
    said = locate(cache, identifier, revision)
    assert said.startswith(f"refused: host `{identifier}` at revision `{revision}` is neither in the local cache nor")
    assert f"hf download {identifier} --revision {revision}" in said and "`path:`" in said
    assert "\n" not in said


def test_a_branch_is_refused_before_anything_is_looked_for(cache):
    assert locate(cache, "some/host", "main").startswith("refused: host `some/host`: the revision `main` could not be")


def test_bundled_hosts_are_named():
    assert bundled_names() == sorted(bundled_names()) != []
    for name in bundled_names():
        assert (bundled_folder(name) / "model.safetensors").is_file()
        assert host_folder(HostSettings(bundled=name), None) == bundled_folder(name)


@pytest.mark.parametrize("name", ["none-such", "../bundled", ""])
def test_other_bundled_hosts_are_refused_with_those_there_are(name):
    with pytest.raises(FileNotFoundError, match=f"no bundled host `{name}`.*Known: `{bundled_names()[0]}`"):
        bundled_folder(name)


def test_a_path_starts_where_it_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert host_folder(HostSettings(path="a/host"), None) == tmp_path / "a/host"
    assert host_folder(HostSettings(path="a/host"), None, tmp_path / "b") == tmp_path / "b/a/host"
    assert host_folder(HostSettings(path=str(tmp_path / "c")), None, tmp_path / "b") == tmp_path / "c"


def test_a_built_host_lies_where_the_study_keeps_it(tmp_path):
    host = HostSettings.model_validate({"build": {"corpus": {"files": ["texts.txt"]}}})
    assert host_folder(host, tmp_path / "model") == tmp_path / "model"


def test_only_a_commit_is_a_commit(tmp_path):
    assert hub_commit(tmp_path / COMMIT) == COMMIT
    assert hub_commit(tmp_path / "main") is None
    assert hub_commit(tmp_path / COMMIT[:-1]) is None
    assert hub_commit(tmp_path / f"{COMMIT}0") is None


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A host of a few bytes with its card's facts: known_folder reads no weights, only their digests."""
    folder = tmp_path_factory.mktemp("host") / "model"
    folder.mkdir()
    files = {"config.json": b'{"model_type": "t5"}', "model.safetensors": bytes(range(200)), "tokenizer.json": b"{}"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {"host": "raw", "folder": str(folder), "files": file_digests(folder, files)}


@pytest.mark.parametrize("origin", [{"build": {}}, {"path": "raw"}])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_every_turned_bit_of_a_host_file_is_seen(small, name, origin):
    """A host that the study builds is made anew; of one from elsewhere it is said what to do."""
    path, card = Path(small["folder"]) / name, small | {"origin": origin}
    good, error = path.read_bytes(), DamagedFile if "build" in origin else ValueError
    assert known_folder(card) == Path(small["folder"])
    for bit in range(0, 8 * len(good), 7):
        content = bytearray(good)
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(error, match=re.escape(name)) as found:
            known_folder(card)
        assert isinstance(found.value, DamagedFile) == ("build" in origin)
    path.write_bytes(good[:-1])
    with pytest.raises(error, match=re.escape(name)):
        known_folder(card)
    path.write_bytes(good)
    assert known_folder(card) == Path(small["folder"])
