"""Examples from a dataset of the Hugging Face hub."""

from pathlib import Path

from peftport.data.hub import read_hub
from peftport.data.reading import Raw, Reading
from peftport.data.settings import DatasetSettings
from peftport.storage.provenance import JsonObject


def read(dataset: DatasetSettings, root: Path, reading: Reading) -> tuple[Raw, JsonObject]:
    """The examples of each split that the dataset names; facts: its commit. As ``hub.read_hub``."""
    return read_hub(dataset.source.hub, reading)
