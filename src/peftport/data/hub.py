"""A dataset of the Hugging Face hub, pinned to a commit; from the local cache when HF_HUB_OFFLINE is set."""

from pathlib import Path
from typing import Any

from peftport.data.readers import accept, pick_columns
from peftport.data.settings import HubDataset
from peftport.registry import unknown_name
from peftport.storage.hub import refuse_unless_pinned
from peftport.storage.provenance import JsonObject

DATA_FILES = [f"*.{extension}" for extension in ("md", "parquet", "csv", "tsv", "json", "jsonl", "txt", "gz", "zip")]


def read_hub(hub: HubDataset, labels: dict[str, str]) -> tuple[dict[str, list[tuple[str, str]]], JsonObject]:
    """Read a hub dataset.

    The repository's data files are taken as a snapshot of one commit, so that reading it again without a network
    gives the same; no code from the repository runs.

    Args:
        hub: the source ``hub`` of a dataset.
        labels: raw label (for a hub class label its number) to label word.

    Returns:
        Split to (tidy text, label word), and facts: id, commit and splits.

    Raises:
        ValueError: the ``datasets`` package is absent, the dataset cannot be had (offline and not in the cache, no
            such repository or revision), or a split, column, text or label is wrong.
    """
    folder = _snapshot(hub)
    tables = _load(hub, folder)
    splits, named = {}, hub.splits.as_json()
    for ours, theirs in named.items():
        if theirs not in tables:
            raise ValueError(f"hub dataset {hub.id}: {unknown_name('split', theirs, tables)}")
        where, table = f"hub dataset {hub.id}, {theirs}", tables[theirs]
        text, label = pick_columns(where, hub.columns, table.column_names)
        rows = enumerate(zip(table[text], table[label], strict=True), 1)
        splits[ours] = [accept(f"{where}, row {number}", raw, one, labels) for number, (one, raw) in rows]
    return splits, {"kind": "hub", "id": hub.id, "revision": folder.name, "splits": named}


def _snapshot(hub: HubDataset) -> Path:
    """The folder, named by its commit, that holds the repository's data files."""
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError
    except ImportError as error:
        raise _absent(hub) from error
    refuse_unless_pinned("dataset", hub.id, hub.revision)
    try:
        return Path(snapshot_download(hub.id, repo_type="dataset", revision=hub.revision, allow_patterns=DATA_FILES))
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise ValueError(f"hub dataset {hub.id}, revision {hub.revision}: not on the hub: {error}") from error
    except OSError as error:  # no network, offline mode, or a refusal by the hub
        raise ValueError(
            f"hub dataset {hub.id}, revision {hub.revision}: not in the local cache, and the hub cannot be "
            "reached or HF_HUB_OFFLINE is set. Fetch it once with a network: "
            f"`hf download --repo-type dataset {hub.id}`, or give local `files` instead. ({error})"
        ) from error


def _load(hub: HubDataset, folder: Path) -> Any:
    """Split names to tables."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise _absent(hub) from error
    try:
        return load_dataset(str(folder), hub.name)
    except Exception as error:  # the package raises many kinds for files that it cannot read
        raise ValueError(f"hub dataset {hub.id} at {folder.name}: cannot be read: {error}") from error


def _absent(hub: HubDataset) -> ValueError:
    return ValueError(
        f"hub dataset {hub.id}: the packages for hub datasets are not installed: pip install 'peftport[hub]'"
    )
