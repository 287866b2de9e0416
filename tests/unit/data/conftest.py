"""Real datasets, for the tests that use them where their files are there."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("PEFTPORT_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
LABELS = {"0": "negative", "1": "positive"}
LATIN = {"format": "lines", "encoding": "latin-1"}
DEFINITIONS = {
    "rotten_tomatoes": {
        "labels": LABELS,
        "source": {
            "files": [
                {"path": "rt-polarity/rt-polarity.neg", "label": "0"} | LATIN,
                {"path": "rt-polarity/rt-polarity.pos", "label": "1"} | LATIN,
            ]
        },
    },
    "sst2": {
        "labels": LABELS,
        "source": {
            "files": [
                {
                    "path": f"sst_kim/stsa.binary.{theirs}",
                    "split": ours,
                    "format": "lines",
                    "pattern": "(?P<label>[01]) (?P<text>.*)",
                }
                for ours, theirs in {"train": "train", "validation": "dev", "test": "test"}.items()
            ]
        },
    },
}


@pytest.fixture
def real_datasets():
    """Definitions of two real datasets by name, and the folder their paths start from."""
    if not (FOLDER / "rt-polarity").is_dir() or not (FOLDER / "sst_kim").is_dir():
        pytest.skip(f"no real data at {FOLDER}; PEFTPORT_SHARED_DATA says where it is")
    return DEFINITIONS, FOLDER
