"""A small hub on the loopback, which answers as the Hugging Face hub does, and faults that it is told to have.

What it answers was read off the hub's own library (huggingface_hub 2.4): commits of revisions, trees, files with their
digests, large ones from another origin (``localhost`` beside ``127.0.0.1``, as the hub's from its CDN), parts of files.
"""

import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".parquet", ".bin")  # kept apart from git: named by SHA-256
LOG_IN = "Access to model is restricted. You must have access to it and be authenticated to access it. Please log in."


def commit(letter):
    """A commit of this hub."""
    return letter * 40


def git_digest(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def digest(name, content):
    """What the hub calls a file's content."""
    return hashlib.sha256(content).hexdigest() if name.endswith(LARGE) else git_digest(content)


@dataclass
class Repository:
    """A repository.

    Attributes:
        commits: commit to files, name to content.
        branches: branch to commit.
        moves: branch to the commit to which it moves when it was asked for once.
        gated: whether its files are for those who accepted its licence.
    """

    commits: dict[str, dict[str, bytes]]
    branches: dict[str, str]
    moves: dict[str, str] = field(default_factory=dict)
    gated: bool = False


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests whose path holds ``path``.

    Attributes:
        status: answered in place of the file.
        headers: of that answer.
        cut: the connection ends after so many bytes of the file; with a reset, if ``reset``.
        change: makes of the file's content what is sent.
        wait: until this is set, nothing is answered.
    """

    path: str
    times: int = 1
    method: str = "GET"
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    reset: bool = False
    change: object = None
    wait: threading.Event | None = None


class Hub:
    """The hub: repositories by kind and name, as ``models/some/host``; the requests that came."""

    def __init__(self):
        self.repositories, self.faults, self.requests = {}, [], []
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def fault_of(self, method, path):
        """The fault that this request has, if any."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def asked(self, method, part):
        """How many requests of this kind came whose path holds a part."""
        return sum(1 for sent, path, _ in self.requests if sent == method and part in path)


@contextlib.contextmanager
def running():
    """A hub that answers until the end of the block."""
    hub = Hub()
    thread = threading.Thread(target=hub.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        for fault in hub.faults:
            if fault.wait is not None:
                fault.wait.set()
        hub.server.shutdown()
        hub.server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Nothing is printed."""

    def do_GET(self):
        self._answer()

    def do_HEAD(self):
        self._answer()

    def _answer(self):
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.requests.append((self.command, path, dict(self.headers)))
        self.fault = self.hub.fault_of(self.command, path)
        if self.fault and self.fault.wait is not None:
            self.fault.wait.wait(20)
        if self.fault and self.fault.status is not None:
            return self._send(self.fault.status, b'{"error":"not now"}', self.fault.headers)
        match path.split("/"):
            case ["cdn", sha]:
                return self._file(self._blob(sha), {"ETag": f'"{sha}"'})
            case ["api", kind, owner, name, *rest]:
                return self._api(f"{kind}/{owner}/{name}", rest)
            case ["datasets", owner, name, "resolve", revision, *file]:
                return self._resolve(f"datasets/{owner}/{name}", revision, "/".join(file))
            case [owner, name, "resolve", revision, *file]:
                return self._resolve(f"models/{owner}/{name}", revision, "/".join(file))
        return self._refuse(404, "EntryNotFound")

    def _api(self, name, rest):
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._missing()
        if rest == ["auth-check"]:
            return self._refuse(401, "GatedRepo", LOG_IN) if repository.gated else self._json({})
        if rest == ["refs"]:
            branches = [
                {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": at}
                for branch, at in repository.branches.items()
            ]
            return self._json({"branches": branches, "converts": [], "tags": []})
        sha = self._commit(repository, rest[1] if len(rest) > 1 else "main", moving=rest[0] == "revision")
        if sha is None:
            return self._refuse(404, "RevisionNotFound", "Invalid rev id")
        files = repository.commits[sha]
        if rest[0] == "tree":
            return self._json([self._entry(file, content) for file, content in files.items()])
        facts = {"id": name.partition("/")[2], "sha": sha, "gated": "auto" if repository.gated else False}
        return self._json(facts | {"siblings": [{"rfilename": file} for file in files]})

    def _entry(self, file, content):
        entry = {"type": "file", "path": file, "size": len(content), "oid": git_digest(content)}
        if file.endswith(LARGE):
            entry["lfs"] = {"oid": digest(file, content), "size": len(content), "pointerSize": 134}
        return entry

    def _commit(self, repository, revision, moving=False):
        sha = revision if revision in repository.commits else repository.branches.get(revision)
        if moving and revision in repository.moves:
            repository.branches[revision] = repository.moves.pop(revision)
        return sha

    def _resolve(self, name, revision, file):
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._missing()
        if repository.gated:
            return self._refuse(401, "GatedRepo", LOG_IN)
        sha = self._commit(repository, revision)
        content = repository.commits.get(sha, {}).get(file)
        if content is None:
            return self._refuse(404, "EntryNotFound")
        etag, headers = digest(file, content), {"X-Repo-Commit": sha}
        if not file.endswith(LARGE):
            return self._file(content, headers | {"ETag": f'"{etag}"'})
        location = f"http://localhost:{self.hub.port}/cdn/{etag}"
        linked = {"X-Linked-Size": str(len(content)), "X-Linked-ETag": f'"{etag}"', "Location": location}
        return self._send(302, b"Found", headers | linked)

    def _blob(self, sha):
        contents = [
            (name, content)
            for repository in self.hub.repositories.values()
            for files in repository.commits.values()
            for name, content in files.items()
        ]
        return next(content for name, content in contents if digest(name, content) == sha)

    def _file(self, content, headers):
        status, sent = 200, self.headers.get("Range", "")
        if self.fault and self.fault.change is not None:
            content = self.fault.change(content)
        if sent.startswith("bytes="):
            first = int(sent.removeprefix("bytes=").split("-")[0])
            headers = headers | {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
            status, content = 206, content[first:]
        self._send(status, content, headers)

    def _json(self, value):
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _missing(self):
        """To who has not logged in the hub says neither that it is missing nor that it is private."""
        self._send(
            401, b'{"error":"Invalid username or password."}', {"X-Error-Message": "Invalid username or password."}
        )

    def _refuse(self, status, code, message="Entry not found"):
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status, content, headers):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.fault.cut if self.fault else None
        self.wfile.write(content[:cut])
        if cut is not None:
            self._end()

    def _end(self):
        self.wfile.flush()
        self.close_connection = True
        if self.fault.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def files_of(weights=b"weights" * 40_000, **more):
    """Files of a host as the hub has them, with much that is never read; ``more`` replaces or adds."""
    files = {
        "config.json": b'{"model_type": "t5"}',
        "model.safetensors": weights,
        "tokenizer.json": b"{}",
        "README.md": b"# A host",
        "modeling.py": b"raise SystemExit('code of a repository ran')",
        "pytorch_model.bin": b"a pickle",
        "onnx/config.json": b"{}",
        "onnx/model.safetensors": b"another format",
    }
    return files | more


class Clock:
    """The time module, whose ``sleep`` only notes the seconds."""

    def __init__(self, waits):
        self.sleep = waits.append

    def __getattr__(self, name):
        return getattr(time, name)


def use(hub, home, patch):
    """Let the hub's library in this process ask this hub; an empty cache, nobody logged in. Returns its waits."""
    from huggingface_hub import constants, utils

    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    places = {"ENDPOINT": hub.endpoint, "HUGGINGFACE_CO_URL_TEMPLATE": template, "HF_HUB_CACHE": str(home / "hub")}
    places |= {"HF_TOKEN_PATH": str(home / "token"), "HF_HUB_OFFLINE": False}
    for name, value in places.items():
        patch.setattr(constants, name, value)
    patch.setattr("huggingface_hub.file_download.HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "PEFTPORT_COMMITS"):
        patch.delenv(name, raising=False)
    patch.setenv("NO_PROXY", "*")
    waits = []
    for module in ("huggingface_hub.file_download", "huggingface_hub.utils._http", "peftport.storage.hub_refusal"):
        patch.setattr(f"{module}.time", Clock(waits))
    utils.close_session()
    return waits


def go_offline(patch):
    """What ``HF_HUB_OFFLINE=1`` does to a process that starts with it."""
    patch.setenv("HF_HUB_OFFLINE", "1")
    patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
