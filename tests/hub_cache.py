"""A local cache of the hub that holds one host and one dataset."""

from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def fill(folder: Path) -> Path:
    """Lay files out as the hub's library does: `google/flan-t5-base` and the dataset `a/b`, both at `COMMIT`."""
    for name, file in (("models--google--flan-t5-base", "model.safetensors"), ("datasets--a--b", "train.parquet")):
        for path in (folder / name / "refs/main", folder / name / "snapshots" / COMMIT / file):
            path.parent.mkdir(parents=True)
            path.write_text(COMMIT)
    return folder
