"""Commits of repositories of the Hugging Face hub: of a name at the hub, and in the local cache."""

import os
import re
from pathlib import Path

COMMIT = re.compile(r"[0-9a-f]{40}")
SECONDS = 10  # that the hub has to answer when a study is planned
OFFLINE = ("1", "ON", "YES", "TRUE")


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit, and no branch or tag, which may move."""
    return COMMIT.fullmatch(revision) is not None


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` forbids to ask the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in OFFLINE


def commit_of(kind: str, identifier: str, revision: str) -> str | None:
    """The commit that a revision of a repository is now: as the hub says, else as the local cache does.

    Args:
        kind: ``host`` or ``dataset``.

    Returns:
        None if neither knows it.
    """
    if is_commit(revision):
        return revision
    return _at_the_hub(kind, identifier, revision) or cached_commit(kind, identifier, revision)


def _at_the_hub(kind: str, identifier: str, revision: str) -> str | None:
    if is_offline():
        return None
    from huggingface_hub import HfApi

    repo_type = "model" if kind == "host" else "dataset"
    try:
        return HfApi().repo_info(identifier, revision=revision, repo_type=repo_type, timeout=SECONDS).sha
    except Exception:  # the hub's library raises many kinds; every one means that the hub did not say
        return None


def cached_commit(kind: str, identifier: str, revision: str) -> str | None:
    """The commit of a repository whose files are in the local cache, if any.

    Args:
        kind: ``host`` or ``dataset``; of a host, weights must be there too.
    """
    from huggingface_hub import snapshot_download

    options = {"repo_type": "dataset"} if kind == "dataset" else {}
    try:
        folder = Path(snapshot_download(identifier, revision=revision, local_files_only=True, **options))
    except (OSError, ValueError):  # not there, or an impossible name, which the stage that reads it refuses
        return None
    complete = any(folder.glob("*.safetensors")) if kind == "host" else any(folder.iterdir())
    return folder.name if complete else None


def refuse_unless_pinned(kind: str, identifier: str, revision: str) -> None:
    """Refuse to download a branch or a tag: the study's keys would not say which commit it was.

    Raises:
        FileNotFoundError: with what to do.
    """
    if not is_commit(revision):
        raise FileNotFoundError(
            f"{kind} `{identifier}`: the revision `{revision}` could not be resolved to a commit when the study was "
            "planned: the hub did not answer, and the local cache does not hold it. Run again where there is a "
            f"network, fetch it once with `hf download {identifier} --revision {revision}"
            f"{' --repo-type dataset' if kind == 'dataset' else ''}`, or give a commit as `revision`."
        )
