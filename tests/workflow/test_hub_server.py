"""A study whose host comes from a hub: from a small one on the loopback, as `HF_ENDPOINT` names it."""

import pytest

from peftport.storage.files import file_digest, read_json
from tests import hub_server, studies
from tests.hub_server import Fault, Repository, commit, files_of

FIRST, SECOND = commit("a"), commit("b")
HOST, GONE = (f"results/smoke/hosts/{name}/host.json" for name in ("instruct", "raw"))


@pytest.fixture
def hub(hosts, tmp_path, monkeypatch):
    """A hub that has two hosts, and a study that asks for them."""
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "PEFTPORT_COMMITS"):
        monkeypatch.delenv(name, raising=False)
    with hub_server.running() as server:
        for name, value in {"HF_ENDPOINT": server.endpoint, "HF_HOME": str(tmp_path / "home"), "NO_PROXY": "*"}.items():
            monkeypatch.setenv(name, value)
        files = files_of() | {path.name: path.read_bytes() for path in (hosts / "instruct").iterdir() if path.is_file()}
        for name in ("host", "gone"):
            server.repositories[f"models/some/{name}"] = Repository({FIRST: files, SECOND: files}, {"main": FIRST})
        config = studies.smoke_config(hosts)
        config["hosts"] = {"instruct": {"hub": {"id": "some/host"}}, "raw": {"hub": {"id": "some/gone"}}}
        studies.write_config(tmp_path, config)
        yield server


@pytest.mark.slow
def test_a_run_takes_the_commit_that_it_began_with_and_the_next_one_says_that_it_moved(hub, hosts, tmp_path):
    hub.repositories["models/some/host"].moves["main"] = SECOND  # when the run has asked
    hub.faults.append(Fault("cdn", cut=1000))
    hub.faults.append(Fault("config.json", method="HEAD", status=503))
    hub.faults.append(Fault("some/gone/tree", times=10**6, status=404, headers={"X-Error-Code": "RepoNotFound"}))
    out = studies.run(tmp_path, HOST, GONE)
    assert "has moved" not in out.stdout and "Traceback" not in out.stdout, out.stdout
    refused = "error (identify_host, host raw): config key `hosts.raw.hub`: host `some/gone` at revision"
    assert out.returncode != 0 and out.stdout.count(refused) == out.stdout.count("error (") == 1, out.stdout
    facts = read_json(tmp_path / HOST)
    assert facts["commit"] == FIRST and facts["folder"].endswith(FIRST)
    assert facts["files"]["model.safetensors"] == file_digest(hosts / "instruct/model.safetensors")
    assert hub.asked("GET", "cdn") == 2 and hub.asked("HEAD", "config.json") >= 2
    out = studies.dry_run(tmp_path, HOST)
    assert out.returncode == 0, out.stdout
    assert out.stdout.count("config key `hosts.instruct.hub`: `main` of `some/host` has moved since it was last") == 1
    assert f"from commit {FIRST} to {SECOND}" in out.stdout and studies.job_counts(out.stdout) == {"identify_host": 1}


def test_a_gated_host_is_refused_before_any_job(hub, tmp_path):
    hub.repositories["models/some/host"].gated = True
    out = studies.run(tmp_path)
    assert out.returncode != 0
    assert out.stdout.count("config key `hosts.instruct.hub`: host `some/host` at revision `main`: it is gated.") == 1
    assert not any(word in out.stdout for word in ("Traceback", "Job stats", "rule ")), out.stdout
