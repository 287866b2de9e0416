"""Branches of a hub become commits when a study is planned."""

import json

import pytest

from peftport.hosts.settings import HubHost
from peftport.planning import pinned as module
from peftport.planning.graph import Graph
from peftport.planning.pinned import KNOWN, pinned
from peftport.study.config import read_settings
from peftport.study.study import Study
from tests.unit.planning.test_graph import edited

FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture
def hub(monkeypatch):
    """What the hub says, and what it was asked."""
    monkeypatch.delenv(KNOWN, raising=False)
    said, asked = {"commit": FIRST}, []

    def commit_of(*names):
        asked.append(names)
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
