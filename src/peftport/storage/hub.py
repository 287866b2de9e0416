"""Commits of repositories of the Hugging Face hub: of a name at the hub, and in the local cache."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from peftport.storage.hub_refusal import FINAL, HubRefusal, fetch_command, kind_of, refusal, tried_again

COMMIT = re.compile(r"[0-9a-f]{40}")
SECONDS = 10  # that the hub has to answer when a study is planned
OFFLINE = ("1", "ON", "YES", "TRUE")
REPO_TYPES = {"host": "model", "module": "model", "dataset": "dataset"}
DATA = ("md", "parquet", "csv", "tsv", "json", "jsonl", "txt", "gz", "zip")
FILES = {  # the files of a repository that are read; nothing else of it is downloaded
    "host": ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"],
    "module": ["adapter_config.json", "adapter_model.safetensors", "card.json"],
    "dataset": [f"*.{extension}" for extension in DATA],
}
# files of a host or a module lie in no folder; what does is of other software
PASSED_OVER = {"host": ["*/*"], "module": ["*/*"], "dataset": []}


def selection(kind: str, patterns: Sequence[str] | None = None) -> dict[str, list[str]]:
    """Which files of a repository are read, as options of the hub's library."""
    return {"allow_patterns": list(patterns or FILES[kind]), "ignore_patterns": PASSED_OVER[kind]}


def is_commit(revision: str) -> bool:
    """Whether a revision is a commit, and no branch or tag, which may move."""
    return COMMIT.fullmatch(revision) is not None


def is_offline() -> bool:
    """Whether ``HF_HUB_OFFLINE`` forbids to ask the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in OFFLINE


def commit_of(
    kind: str, identifier: str, revision: str, last: str | None = None, say: Callable[[str], None] = print
) -> str | None:
    """The commit that a revision of a repository is now: as the hub says, else as this study or the cache last knew.

    Args:
        kind: ``host``, ``module`` or ``dataset``.
        last: the commit that the revision was when the study was last planned or run.
        say: told, in one line, that the hub did not answer and what is taken in its place.

    Returns:
        None if nobody knows it.

    Raises:
        HubRefusal: the hub says that there is no such repository or revision, or that it may not be read, and the cache
            does not hold it.
    """
    cached = cached_commit(kind, identifier, revision)
    if is_commit(revision) and (cached or is_offline()):
        return revision
    there, error = _at_the_hub(kind, identifier, revision, say)
    if there is not None:
        return there
    if is_commit(revision):
        known = revision
    elif last is not None and cached_commit(kind, identifier, last):
        known = last
    else:
        known = cached
    if error is not None and kind_of(error) in FINAL and (known is None or (is_commit(revision) and not cached)):
        raise refusal(kind, identifier, revision, error) from error
    if error is not None and known is not None and not is_commit(revision):
        where = "as when it was last planned or run here" if known == last else "as the local cache has it"
        say(
            f"{kind} `{identifier}`: the hub did not say which commit `{revision}` is ({type(error).__name__}); "
            f"{known} is taken, {where}."
        )
    return known


def _at_the_hub(
    kind: str, identifier: str, revision: str, say: Callable[[str], None]
) -> tuple[str | None, Exception | None]:
    """The commit of a revision as the hub says, or why it does not; a busy hub is asked again."""
    if is_offline():
        return None, None
    try:
        return tried_again(lambda: _ask(kind, identifier, revision), say), None
    except Exception as error:  # the hub's library raises many kinds; every one means that the hub did not say
        return None, error


def _ask(kind: str, identifier: str, revision: str) -> str | None:
    """The commit of a revision at the hub.

    Raises:
        GatedRepoError: its files are for those who accepted its licence, who we are not, and the cache lacks them.
    """
    from huggingface_hub import HfApi

    info = HfApi().repo_info(identifier, revision=revision, repo_type=REPO_TYPES[kind], timeout=SECONDS)
    if getattr(info, "gated", False) and info.sha and cached_commit(kind, identifier, info.sha) is None:
        HfApi().auth_check(identifier, repo_type=REPO_TYPES[kind])
    return info.sha


def cached_commit(kind: str, identifier: str, revision: str) -> str | None:
    """The commit of a repository whose files are all in the local cache, if they are.

    Args:
        kind: ``host``, ``module`` or ``dataset``; of a host, weights must be there too.
    """
    from huggingface_hub import snapshot_download

    options = selection(kind) | {"repo_type": REPO_TYPES[kind]}
    try:
        folder = Path(snapshot_download(identifier, revision=revision, local_files_only=True, **options))
    except (OSError, ValueError):  # not there, or an impossible name, which the stage that reads it refuses
        return None
    weights = {"host": ("*.safetensors", "pytorch_model*.bin"), "module": ("*.safetensors",), "dataset": ("*",)}[kind]
    complete = any(path for pattern in weights for path in folder.glob(pattern))
    return folder.name if complete else None


def refuse_unless_pinned(kind: str, identifier: str, revision: str) -> None:
    """Refuse to download a branch or a tag: the study's keys would not say which commit it was.

    Raises:
        HubRefusal: with what to do.
    """
    if not is_commit(revision):
        command = fetch_command(kind, identifier, revision)
        raise HubRefusal(
            f"{kind} `{identifier}`: the revision `{revision}` could not be resolved to a commit when the study was "
            "planned: the hub did not answer, and the local cache does not hold it. Run again where there is a "
            f"network, fetch it once with `{command}`, or give a commit as `revision`."
        )
