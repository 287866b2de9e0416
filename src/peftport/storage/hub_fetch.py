"""Files of repositories of the Hugging Face hub in the local cache, each held against its published digest."""

import hashlib
import re
import time
from collections.abc import Sequence
from pathlib import Path

from peftport.storage.files import file_digest
from peftport.storage.hub import REPO_TYPES, is_offline, refuse_unless_pinned, selection
from peftport.storage.hub_refusal import HubRefusal, WrongContent, refusal, tried_again

SHA256, GIT = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


def fetch(kind: str, identifier: str, revision: str, patterns: Sequence[str] | None = None) -> Path:
    """The folder of a repository at a commit in the local cache, downloaded if need be; ``HF_HUB_OFFLINE`` is honoured.

    A connection that is cut goes on where it stood (by the hub's library); a hub that is busy, and a file that is not
    what the hub published, are tried again. A file has its final name when it is complete. Two processes that ask for
    the same file download it once.

    Args:
        kind: ``host``, ``module`` or ``dataset``.
        revision: a commit.
        patterns: the files that are wanted; by default those of ``peftport.storage.hub.FILES``.

    Raises:
        HubRefusal: it is not in the cache and cannot be downloaded, or a file is not what the hub published.
    """
    refuse_unless_pinned(kind, identifier, revision)
    from huggingface_hub import snapshot_download

    began = time.time()

    def snapshot() -> Path:
        options = selection(kind, patterns) | {"repo_type": REPO_TYPES[kind]}
        folder = Path(snapshot_download(identifier, revision=revision, **options))
        for path in wrong_files(folder):
            _refuse(path, kind, identifier, began)
        return folder

    try:
        return tried_again(snapshot, print)
    except HubRefusal:
        raise
    except WrongContent as error:
        raise HubRefusal(f"{kind} `{identifier}` at revision `{revision}`: {error}. Run again later.") from error
    except Exception as error:  # the hub's library raises many kinds; every one means: no files
        raise refusal(kind, identifier, revision, error) from error


def wrong_files(folder: Path) -> list[Path]:
    """Files of a cache's snapshot whose content is not what the hub published.

    The cache names a file by what the hub says of it: a large file by its SHA-256, a small one by the SHA-1 that git
    gives it. A snapshot links to it by this name. Of a file that is no link nothing is known.
    """
    return [path for path in sorted(folder.rglob("*")) if path.is_symlink() and path.is_file() and _is_wrong(path)]


def _is_wrong(path: Path) -> bool:
    name = path.readlink().name  # the next link, not the last: that may be one that is shared between repositories
    if SHA256.fullmatch(name):
        return file_digest(path) != name
    return GIT.fullmatch(name) is not None and _git_digest(path) != name


def _git_digest(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _refuse(path: Path, kind: str, identifier: str, began: float) -> None:
    """Refuse a wrong file: one that came just now is taken away, one that was in the cache before stays.

    Raises:
        WrongContent: it came just now.
        HubRefusal: it was there before.
    """
    blob, what = path.resolve(), f"{path.name} is not what the hub published under the digest {path.readlink().name}"
    if blob.stat().st_mtime >= began - 1 and not is_offline():
        (path.parent / path.readlink()).unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise WrongContent(what)
    raise HubRefusal(
        f"{kind} `{identifier}`: {what}; it is damaged or was changed in the local cache. Remove {blob} and {path}, "
        "and run again where there is a network."
    )
