"""Branches of a hub become commits when a study is planned."""

import json
import os

import pytest

from peftport.hosts.settings import HubHost
from peftport.planning import pinned as module
from peftport.planning.commits import KNOWN, keep_commits
from peftport.planning.graph import Graph
from peftport.planning.pinned import pinned, unresolved
from peftport.storage.hub import commit_of
from peftport.storage.hub_fetch import fetch
from peftport.storage.hub_refusal import HubRefusal
from peftport.study.config import ConfigError, read_settings
from peftport.study.study import Study
from tests import hub_server
from tests.hub_server import Fault, Repository, files_of
from tests.unit.planning.test_graph import edited

FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def hub(monkeypatch):
    """What the hub says, and what it was asked."""
    monkeypatch.delenv(KNOWN, raising=False)
    said, asked = {"commit": FIRST}, []

    def commit_of(*names):
        asked.append(names[:3])
        return said["commit"]

    monkeypatch.setattr(module, "commit_of", commit_of)
    return said, asked


def study():
    config = edited("hosts.instruct", {"hub": {"id": "some/host"}})
    config["datasets"]["book"] |= {"source": {"hub": {"id": "some/texts"}}}
    return Study(read_settings(config))


def test_the_commit_stands_where_the_branch_stood(hub):
    before = study()
    after = pinned(before)
    assert after.config.hosts["instruct"].hub == HubHost(id="some/host", revision=FIRST)
    assert after.config.datasets["book"].source.hub.revision == FIRST
    assert before.config.hosts["instruct"].hub.revision == "main"
    assert hub[1] == [("host", "some/host", "main"), ("dataset", "some/texts", "main")]


def test_what_nobody_knows_the_commit_of_is_named_before_any_job(hub):
    said, _ = hub
    assert unresolved(pinned(study())) == ""
    said["commit"] = None
    os.environ.pop(KNOWN)
    assert unresolved(pinned(study())).startswith("host `some/host`: the revision `main` could not be resolved")


def test_a_branch_that_moves_moves_the_key(hub, monkeypatch):
    said, _ = hub

    def key():
        graph = Graph(pinned(study()))
        (stage,) = (stage for stage in graph.stages["identify_host"] if stage.host == "instruct")
        return graph.key(stage)

    before = key()
    said["commit"] = SECOND
    assert key() == before, "a run asks once, and its jobs are told"
    monkeypatch.delenv(KNOWN)
    assert key() != before


def test_a_job_is_told_what_its_run_found(hub, monkeypatch):
    names = ("host some/host main", "dataset some/texts main")
    monkeypatch.setenv(KNOWN, json.dumps(dict.fromkeys(names, SECOND)))
    assert pinned(study()).config.hosts["instruct"].hub.revision == SECOND
    assert hub[1] == []


def test_what_nobody_knows_stays(hub):
    hub[0]["commit"] = None
    assert pinned(study()).config.hosts["instruct"].hub.revision == "main"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A hub that has the host and the texts of ``study``."""
    with hub_server.running() as server:
        server.repositories["models/some/host"] = Repository(
            {FIRST: files_of(), SECOND: files_of(b"new")}, {"main": FIRST}
        )
        server.repositories["datasets/some/texts"] = Repository({FIRST: {"train.parquet": b"rows"}}, {"main": FIRST})
        server.waits = hub_server.use(server, tmp_path, monkeypatch)
        yield server
    os.environ.pop(KNOWN, None)


def plan(folder, *, run=False):
    """What a plan or a run in a folder takes as the host's commit, and what it says."""
    os.environ.pop(KNOWN, None)
    said = []
    config = pinned(Study(study().config, folder), said.append).config
    keep_commits(folder, run=run)
    return config.hosts["instruct"].hub.revision, said


def test_a_branch_that_moves_while_a_study_is_planned_stands_for_one_commit(server, tmp_path):
    repository = server.repositories["models/some/host"]
    repository.moves["main"] = SECOND
    taken, _ = plan(tmp_path)
    assert taken == FIRST and repository.branches["main"] == SECOND
    assert (fetch("host", "some/host", taken) / "model.safetensors").read_bytes() == files_of()["model.safetensors"]
    assert pinned(study()).config.hosts["instruct"].hub.revision == FIRST, "a job of that run is told"


def test_a_branch_that_moves_between_plan_and_run_is_noticed(server, tmp_path):
    assert plan(tmp_path) == (FIRST, [])
    server.repositories["models/some/host"].branches["main"] = SECOND
    for run in (False, True):  # another plan says it too, and the run after it still
        taken, (said,) = plan(tmp_path, run=run)
        assert taken == SECOND
        assert said.startswith("config key `hosts.instruct.hub`: `main` of `some/host` has moved")
        assert f"from commit {FIRST} to {SECOND}" in said and f"`revision: {FIRST}`" in said
    assert plan(tmp_path, run=True) == (SECOND, [])


def test_a_silent_hub_leaves_the_commit_of_the_last_run(server, tmp_path, monkeypatch):
    """Though the cache has no branch: jobs fetch commits."""
    plan(tmp_path, run=True)
    fetch("host", "some/host", FIRST)
    server.faults.append(Fault("api/models", times=10**6, status=503))
    taken, (_, _, said) = plan(tmp_path)  # two waits before it
    assert taken == FIRST and "the hub did not say which commit `main` is" in said and FIRST in said
    hub_server.go_offline(monkeypatch)
    assert plan(tmp_path) == (FIRST, [])


def test_a_busy_hub_is_asked_again(server, tmp_path):
    server.faults.append(Fault("api/models", times=2, status=429, headers={"Retry-After": "9"}))
    taken, said = plan(tmp_path)
    assert taken == FIRST and server.waits == [9, 9]
    assert [line.endswith("Trying again in 9 s.") for line in said] == [True, True]


def test_a_network_that_is_not_there_is_not_waited_for(server, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert plan(tmp_path) == ("main", []) and server.waits == []


def refused(message):
    with pytest.raises(ConfigError, match=message) as error:
        pinned(study())
    assert "\n" not in str(error.value)


def test_what_the_hub_refuses_is_said_before_any_job_with_the_key(server):
    host, texts = (server.repositories[name] for name in ("models/some/host", "datasets/some/texts"))
    texts.branches = {"mian": FIRST}
    refused(r"^config key `datasets\.book\.source\.hub`: .*no such branch.* Did you mean `mian`\? Known: `mian`\.")
    host.gated = True
    refused(r"^config key `hosts\.instruct\.hub`: host `some/host` .* gated\. Accept its licence at http")
    del server.repositories["models/some/host"]
    refused(r"^config key `hosts\.instruct\.hub`: host `some/host` .* no such repository, or shows it to its members")
    assert server.waits == []


def test_a_commit_is_looked_for_at_the_hub_where_the_cache_lacks_it(server):
    assert commit_of("host", "some/host", SECOND) == SECOND
    with pytest.raises(HubRefusal, match="no such branch, tag or commit"):
        commit_of("host", "some/host", "c" * 40)
    fetch("host", "some/host", FIRST)
    sent = len(server.requests)
    assert commit_of("host", "some/host", FIRST) == FIRST and len(server.requests) == sent


def test_what_is_in_the_cache_is_used_though_the_hub_refuses_it_now(server, tmp_path):
    plan(tmp_path, run=True)
    fetch("host", "some/host", FIRST)
    del server.repositories["models/some/host"]
    taken, (said,) = plan(tmp_path)
    assert taken == FIRST and "the hub did not say" in said
