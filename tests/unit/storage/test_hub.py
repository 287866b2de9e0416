"""Commits of names of the hub: from the hub, from the cache; what is downloaded is pinned."""

import pytest

from peftport.storage import hub
from tests.hub_cache import COMMIT, fill

OTHER = "f" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The cache of ``tests.hub_cache``, and no network."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return fill(tmp_path)


def test_what_is_in_the_cache(cache):
    assert hub.cached_commit("host", "google/flan-t5-base", "main") == COMMIT
    assert hub.cached_commit("host", "google/flan-t5-base", COMMIT) == COMMIT
    assert hub.cached_commit("dataset", "a/b", "main") == COMMIT
    assert hub.cached_commit("host", "google/flan-t5-base", "other") is None
    assert hub.cached_commit("host", "google/flan-t5-large", "main") is None
    assert hub.cached_commit("host", "no/such/name", "main") is None


def test_a_host_without_weights_is_not_in_the_cache(cache):
    (cache / "models--google--flan-t5-base" / "snapshots" / COMMIT / "model.safetensors").rename(cache / "elsewhere")
    assert hub.cached_commit("host", "google/flan-t5-base", "main") is None


def test_a_commit_is_itself_and_a_branch_is_what_the_cache_knows_without_a_network(cache):
    assert hub.commit_of("host", "never/seen", OTHER) == OTHER
    assert hub.commit_of("host", "google/flan-t5-base", "main") == COMMIT
    assert hub.commit_of("host", "never/seen", "main") is None


def test_the_hub_is_asked_before_the_cache(cache, monkeypatch):
    asked = []

    class Api:
        def repo_info(self, identifier, **options):
            asked.append((identifier, options["revision"], options["repo_type"]))
            return type("Info", (), {"sha": OTHER})

    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert hub.commit_of("host", "google/flan-t5-base", "main") == OTHER
    assert hub.commit_of("dataset", "a/b", "main") == OTHER
    assert asked == [("google/flan-t5-base", "main", "model"), ("a/b", "main", "dataset")]


def test_a_hub_that_does_not_answer_leaves_the_cache(cache, monkeypatch):
    class Api:
        def repo_info(self, *names, **options):
            raise ConnectionError("no network")

    monkeypatch.setattr("peftport.storage.hub_refusal.WAITS", ())
    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert hub.commit_of("host", "google/flan-t5-base", "main") == COMMIT


def test_a_branch_is_not_downloaded():
    hub.refuse_unless_pinned("host", "a/b", COMMIT)
    with pytest.raises(FileNotFoundError, match=r"`a/b`: the revision `main` could not be resolved .*hf download a/b "):
        hub.refuse_unless_pinned("host", "a/b", "main")
    with pytest.raises(FileNotFoundError, match="--repo-type dataset"):
        hub.refuse_unless_pinned("dataset", "a/b", "main")
