"""Examples from local files."""

from pathlib import Path

from peftport.data.readers import read_file
from peftport.data.reading import Raw, Reading
from peftport.data.settings import DatasetSettings
from peftport.storage.files import file_digest
from peftport.storage.provenance import JsonObject


def read(dataset: DatasetSettings, root: Path, reading: Reading) -> tuple[Raw, JsonObject]:
    """The examples of each split that the files hold; facts: each file with its digest.

    Raises:
        ValueError: a file holds no example, or as ``readers.read_file`` says.
    """
    raw: Raw = {}
    files = []
    for entry in dataset.source.files:
        rows = read_file(entry, reading, root)
        if not rows:
            raise ValueError(f"{root / entry.path}: the file holds no example")
        raw.setdefault(entry.split or "train", []).extend(rows)
        digest = file_digest(root / Path(entry.path).expanduser())
        files.append({"path": entry.path, "sha256": digest, "examples": len(rows)})
    return raw, {"kind": "files", "files": files}
