"""Files of a hub, from a small hub on the loopback: what is fetched, what is tried again, what is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from peftport.storage import hub_refusal
from peftport.storage.hub import cached_commit
from peftport.storage.hub_fetch import fetch, wrong_files
from peftport.storage.hub_refusal import HubRefusal
from tests import hub_server
from tests.hub_server import Fault, Repository, commit, digest, files_of

A, B = commit("a"), commit("b")
WEIGHTS = files_of()["model.safetensors"]
READ = {"config.json", "model.safetensors", "tokenizer.json"}
RANGE = "Range"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with hub_server.running() as server:
        server.repositories["models/some/host"] = Repository({A: files_of(), B: files_of(b"new")}, {"main": A})
        server.repositories["datasets/some/texts"] = Repository(
            {A: {"data/train.parquet": b"rows" * 1000, "README.md": b"---", "texts.py": b"exit()"}}, {"main": A}
        )
        server.waits = hub_server.use(server, tmp_path, monkeypatch)
        yield server


def blobs(tmp_path):
    return sorted(path.name for path in tmp_path.rglob("blobs/*"))


def test_a_host_is_fetched_and_nothing_else_of_its_repository(hub, tmp_path):
    folder = fetch("host", "some/host", A)
    assert folder.name == A
    assert {str(path.relative_to(folder)) for path in folder.rglob("*")} == READ
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    sent = len(hub.requests)
    assert not hub.asked("GET", ".py") and not hub.asked("GET", ".bin") and not hub.asked("GET", "onnx")
    assert fetch("host", "some/host", A) == folder
    assert len(hub.requests) == sent, "what is in the cache is not asked for"


def test_a_dataset_is_fetched_without_its_code(hub):
    folder = fetch("dataset", "some/texts", A)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"data/train.parquet", "README.md"}
    assert hub.waits == []


def test_the_planned_commit_is_fetched_when_the_branch_has_moved(hub):
    hub.repositories["models/some/host"].branches["main"] = B
    assert (fetch("host", "some/host", A) / "model.safetensors").read_bytes() == WEIGHTS


def test_what_was_fetched_is_in_the_cache_without_a_network(hub, monkeypatch):
    """The repository holds more than is fetched; the cache is complete for all that."""
    folder = fetch("host", "some/host", A)
    hub_server.go_offline(monkeypatch)
    assert cached_commit("host", "some/host", A) == A
    assert fetch("host", "some/host", A) == folder


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_is_tried_again(hub, tmp_path, reset):
    hub.faults.append(Fault("cdn", times=2, cut=100_000, reset=reset))
    folder = fetch("host", "some/host", A)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert len(hub.waits) == 2
    assert not list(tmp_path.rglob("*.incomplete"))


def test_a_cut_download_goes_on_where_it_was_cut(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 30_000)  # 10 MB else
    hub.faults.append(Fault("cdn", cut=100_000))
    fetch("host", "some/host", A)
    first, second = [headers.get(RANGE) for _, path, headers in hub.requests if path.startswith("cdn")]
    assert first is None and second == "bytes=90000-"


@pytest.mark.parametrize("path", ["cdn", "resolve", "tree"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hub_is_asked_again(hub, path, status):
    for method in ("GET", "HEAD"):
        hub.faults.append(Fault(path, times=2, method=method, status=status, headers={"Retry-After": "3"}))
    folder = fetch("host", "some/host", A)
    assert {path.name for path in folder.iterdir()} == READ
    assert hub.waits and max(hub.waits) >= 3, "the hub says how long to wait"


def test_a_hub_that_stays_busy_is_given_up(hub, tmp_path):
    hub.faults.append(Fault("cdn", times=10**6, status=503))
    with pytest.raises(HubRefusal) as refused:
        fetch("host", "some/host", A)
    said = str(refused.value)
    assert said.startswith(
        f"host `some/host` at revision `{A}` is neither in the local cache nor could it be downloaded"
    )
    assert "the hub is busy and answered 503" in said and f"hf download some/host --revision {A}" in said
    assert "\n" not in said
    assert hub.asked("GET", "cdn") == len(hub_refusal.WAITS) + 1
    assert [wait for wait in hub.waits if wait in hub_refusal.WAITS] == list(hub_refusal.WAITS)
    assert digest("model.safetensors", WEIGHTS) not in blobs(tmp_path)
    assert not list(tmp_path.rglob("model.safetensors"))


def test_a_download_that_is_always_cut_is_given_up_and_leaves_nothing(hub, tmp_path, monkeypatch):
    hub.faults.append(Fault("cdn", times=10**6, cut=0))
    with pytest.raises(HubRefusal, match="the connection was cut"):
        fetch("host", "some/host", A)
    assert not list(tmp_path.rglob("*.incomplete")) and not list(tmp_path.rglob("model.safetensors"))
    assert cached_commit("host", "some/host", A) is None, "half of a host is none"
    hub_server.go_offline(monkeypatch)
    with pytest.raises(HubRefusal, match="HF_HUB_OFFLINE is set"):
        fetch("host", "some/host", A)


def changed(content):
    return b"W" + content[1:]


@pytest.mark.parametrize("path", ["cdn", "config.json"])
def test_a_file_that_is_not_what_was_published_is_fetched_anew(hub, path):
    hub.faults.append(Fault(path, change=changed))
    folder = fetch("host", "some/host", A)
    assert wrong_files(folder) == [] and hub.asked("GET", path) == 2


def test_a_hub_that_sends_other_content_is_refused_and_nothing_of_it_stays(hub, tmp_path):
    hub.faults.append(Fault("cdn", times=10**6, change=changed))
    with pytest.raises(HubRefusal, match=r"model\.safetensors is not what the hub published under the digest \w{64}"):
        fetch("host", "some/host", A)
    assert hub.asked("GET", "cdn") == len(hub_refusal.WAITS) + 1
    assert digest("model.safetensors", WEIGHTS) not in blobs(tmp_path)
    assert not list(tmp_path.rglob("model.safetensors"))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_was_damaged_in_the_cache_is_refused_and_stays(hub, name, monkeypatch):
    folder = fetch("host", "some/host", A)
    blob = (folder / name).resolve()
    blob.write_bytes(changed(blob.read_bytes()))
    hub_server.go_offline(monkeypatch)
    with pytest.raises(HubRefusal, match=f"{name} is not what the hub .* damaged .* Remove {blob} and {folder / name}"):
        fetch("host", "some/host", A)
    assert blob.is_file()


def test_a_blob_that_repositories_share_is_known_by_its_digest(hub, tmp_path):
    """The hub's library keeps large files of its newer storage once, under another kind of hash (shared blobs)."""
    folder = fetch("host", "some/host", A)
    blob = (folder / "model.safetensors").resolve()
    shared = tmp_path / "hub/blobs/ee" / ("e" * 64)
    shared.parent.mkdir(parents=True)
    blob.rename(shared)
    blob.symlink_to(shared)
    assert wrong_files(folder) == []
    shared.write_bytes(changed(WEIGHTS))
    assert wrong_files(folder) == [folder / "model.safetensors"]
    assert (fetch("host", "some/host", A) / "model.safetensors").read_bytes() == WEIGHTS
    assert not shared.exists(), "else it would be taken again"


def test_two_that_ask_for_the_same_host_fetch_it_once(hub):
    """Both begin, and one waits for the other's file."""
    held = threading.Event()
    hub.faults.append(Fault("cdn", wait=held))
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(fetch, "host", "some/host", A) for _ in range(2)]
        while hub.asked("HEAD", "model.safetensors") < 2 or not hub.asked("GET", "cdn"):
            threading.Event().wait(0.01)
        held.set()
        assert both[0].result() == both[1].result()
    assert hub.asked("GET", "cdn") == 1
    assert hub.asked("GET", "resolve/" + A + "/config.json") == 1


def refused(kind, identifier, revision=A):
    with pytest.raises(HubRefusal) as error:
        fetch(kind, identifier, revision)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_gated_repository_is_refused_with_where_its_licence_is(hub):
    hub.repositories["models/some/host"].gated = hub.repositories["datasets/some/texts"].gated = True
    said = refused("host", "some/host")
    assert f"it is gated. Accept its licence at {hub.endpoint}/some/host" in said and "hf auth login" in said
    assert f"{hub.endpoint}/datasets/some/texts" in refused("dataset", "some/texts")
    assert hub.waits == [], "no further try changes that"


def test_a_missing_repository_is_refused_with_a_near_name(hub):
    fetch("host", "some/host", A)
    said = refused("host", "some/hots")
    assert "no such repository, or shows it to its members alone" in said and "Did you mean `some/host`?" in said
    assert "Did you mean" not in refused("dataset", "some/hots")
    assert hub.waits == []


def test_a_missing_commit_is_refused(hub):
    said = refused("host", "some/host", commit("c"))
    assert "no such branch, tag or commit. No revision" in said and "Known: `main`" in said


def test_without_a_network_it_is_refused_at_once(hub, monkeypatch):
    hub_server.go_offline(monkeypatch)
    said = refused("dataset", "some/texts")
    assert "HF_HUB_OFFLINE is set" in said and f"hf download some/texts --revision {A} --repo-type dataset" in said
    assert "`files:`" in said and hub.requests == [] and hub.waits == []


def test_a_refusal_names_the_key():
    with pytest.raises(HubRefusal, match=r"^config key `hosts\.old\.hub`: gone$"), hub_refusal.named("hosts.old.hub"):
        raise HubRefusal("gone")
