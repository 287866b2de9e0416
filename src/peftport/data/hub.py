"""A dataset of the Hugging Face hub, pinned to a commit; from the local cache when HF_HUB_OFFLINE is set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from peftport.data.readers import pick_columns
from peftport.data.reading import Raw, Reading, accepted
from peftport.data.settings import HubDataset
from peftport.data.unpacked import refuse_bombs
from peftport.registry import unknown_name
from peftport.storage.hub_fetch import fetch
from peftport.storage.provenance import JsonObject


def read_hub(hub: HubDataset, reading: Reading) -> tuple[Raw, JsonObject]:
    """Read a hub dataset.

    The repository's data files are taken as a snapshot of one commit, so that reading it again without a network
    gives the same; no code from the repository runs.

    Args:
        hub: the source ``hub`` of a dataset.
        reading: of the dataset's kind.

    Returns:
        Split to examples, and facts: id, commit and splits.

    Raises:
        HubRefusal: the dataset cannot be had (offline and not in the cache, no such repository or revision).
        ValueError: the ``datasets`` package is absent, packed files come to more than is read, or a split, column or
            row is wrong.
    """
    load_dataset = _reader()
    folder = fetch("dataset", hub.id, hub.revision)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    refuse_bombs(f"hub dataset {hub.id}", "source.hub.unpacked", files, hub.unpacked)
    tables = _load(load_dataset, hub, folder)
    splits, named = {}, hub.splits.as_json()
    for ours, theirs in named.items():
        if theirs not in tables:
            raise ValueError(f"hub dataset {hub.id}: {unknown_name('split', theirs, tables)}")
        where, table = f"hub dataset {hub.id}, {theirs}", tables[theirs]
        wanted = reading.columns(hub.columns)
        names = pick_columns(where, wanted, table.column_names)
        rows = enumerate(zip(*(table[name] for name in names), strict=True), 1)
        placed = ((f"{where}, row {number}", dict(zip(wanted, values, strict=True))) for number, values in rows)
        splits[ours] = [example for _, example in accepted(reading, placed)]
    return splits, {"kind": "hub", "id": hub.id, "revision": folder.name, "splits": named}


def _reader() -> Callable[..., Any]:
    """What reads a folder of data files, looked for before anything is downloaded."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ValueError("the packages for hub datasets are not installed: pip install 'peftport[hub]'") from error
    return load_dataset


def _load(load_dataset: Callable[..., Any], hub: HubDataset, folder: Path) -> Any:
    """Split names to tables."""
    try:
        return load_dataset(str(folder), hub.name)
    except Exception as error:  # the package raises many kinds for files that it cannot read
        raise ValueError(f"hub dataset {hub.id} at {folder.name}: cannot be read: {error}") from error
