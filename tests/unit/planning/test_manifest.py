"""The manifest of a study, and a folder of results held against one."""

import json
import shutil

import pytest

from peftport.planning.manifest import ManifestError, make_manifest, manifest_faults, read_manifest, write_manifest
from peftport.planning.verify import every_file, read_graph
from peftport.storage.cards import write_card
from peftport.storage.files import file_digest
from tests.studies import RESULTS

FILE = {"size": 1, "sha256": "0" * 64, "key": "0" * 16}
MANIFEST = {"study": "s", "config": "0" * 16, "peftport": "1", "files": {"a/b.parquet": FILE}}


@pytest.fixture
def folder(tmp_path):
    """A folder with the results of a study of one file, of one byte."""
    (tmp_path / "results/s/a").mkdir(parents=True)
    (tmp_path / "results/s/a/b.parquet").write_bytes(b"x")
    return tmp_path


def manifest_of(folder):
    return MANIFEST | {"files": {"a/b.parquet": FILE | {"sha256": file_digest(folder / "results/s/a/b.parquet")}}}


@pytest.mark.slow
def test_it_names_every_file_with_size_digest_and_key(whole_study, monkeypatch, tmp_path):
    monkeypatch.chdir(whole_study)
    graph = read_graph([whole_study / "study.yaml"])
    manifest = make_manifest(graph)
    assert list(manifest["files"]) == [path.relative_to(RESULTS).as_posix() for path in sorted(every_file(graph))]
    (stage,) = graph.stages["write_report"]
    size, sha256 = (RESULTS / "report.html").stat().st_size, file_digest(RESULTS / "report.html")
    assert manifest["files"]["report.html"] == {"size": size, "sha256": sha256, "key": graph.key(stage)}
    assert len({facts["key"] for facts in manifest["files"].values()}) == sum(map(len, graph.stages.values()))
    assert manifest["study"] == "smoke"
    assert manifest_faults(manifest, whole_study) == []
    for name in ("first.json", "second.json"):
        write_manifest(tmp_path / name, make_manifest(read_graph([whole_study / "study.yaml"])))
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    assert read_manifest(tmp_path / "first.json") == manifest


@pytest.mark.slow
def test_the_same_in_another_folder(whole_study, monkeypatch, tmp_path):
    """Nothing of where it lies stands in it."""
    monkeypatch.chdir(whole_study)
    here = make_manifest(read_graph([whole_study / "study.yaml"]))
    shutil.copytree(whole_study, tmp_path / "study", symlinks=True)
    monkeypatch.chdir(tmp_path / "study")
    write_manifest(RESULTS / "manifest.json", make_manifest(read_graph([tmp_path / "study/study.yaml"])))
    assert read_manifest(RESULTS / "manifest.json") == here


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: path.write_bytes(b"xy"), "has 2 bytes, expected 1"),
        (lambda path: path.write_bytes(b"y"), "is another file: its SHA-256 is"),
    ],
    ids=["absent", "size", "content"],
)
def test_a_folder_that_differs_is_told_by_file(folder, change, why):
    manifest = manifest_of(folder)
    assert manifest_faults(manifest, folder) == []
    change(folder / "results/s/a/b.parquet")
    (fault,) = manifest_faults(manifest, folder)
    assert fault.path == folder / "results/s/a/b.parquet" and fault.why.startswith(why)


@pytest.mark.parametrize(
    "content",
    [
        {"study": "s"},
        MANIFEST | {"study": "../s"},
        MANIFEST | {"study": ""},
        MANIFEST | {"files": {"../../x": FILE}},
        MANIFEST | {"files": {"/etc/passwd": FILE}},
        MANIFEST | {"files": {"a": {"size": 1}}},
        MANIFEST | {"files": {"a": 1}},
        MANIFEST | {"files": ["a"]},
    ],
)
def test_what_is_no_manifest_is_refused_in_one_sentence(tmp_path, content):
    write_card(tmp_path / "manifest.json", content)
    with pytest.raises(ManifestError, match=r"^manifest .*manifest\.json: .*\.$"):
        read_manifest(tmp_path / "manifest.json")


def test_a_damaged_or_absent_one_is_refused(tmp_path):
    path = tmp_path / "manifest.json"
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(path)
    write_manifest(path, MANIFEST)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"config": "1" * 16}))
    with pytest.raises(ManifestError, match="checksum"):
        read_manifest(path)
