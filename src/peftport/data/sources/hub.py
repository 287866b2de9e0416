"""Examples from a dataset of the Hugging Face hub."""

from pathlib import Path

from peftport.data.hub import read_hub
from peftport.data.prepare import Raw
from peftport.data.settings import DatasetSettings
from peftport.storage.provenance import JsonObject


def read(dataset: DatasetSettings, root: Path) -> tuple[Raw, JsonObject]:
    """The examples of each split that the dataset names; facts: its commit. As ``hub.read_hub``."""
    return read_hub(dataset.source.hub, dataset.labels)
