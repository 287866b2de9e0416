"""What the rows of a study's local files say before any job starts: small files whole, of larger ones the first rows.

The whole of every file is read by the job that prepares the dataset.
"""

from pathlib import Path

from peftport.data.settings import DatasetSettings
from peftport.tasks.table import rows

FIRST_ROWS = 1000  # of a large file
SMALL_BYTES = 2_000_000  # a file of at most so many is read whole


def rows_complaint(name: str, dataset: DatasetSettings, folder: Path) -> tuple[str, str] | None:
    """The key of the config and what is wrong with the rows of a dataset's files; None if nothing is, so far.

    Args:
        name: of the dataset.
        dataset: with ``source.files``, which are there.
        folder: where relative paths start.
    """
    from peftport.data.readers import read_file  # studies without local files do not load pyarrow for it

    reading, raw, whole = rows(dataset.kind).reading(dataset), {}, True
    for index, file in enumerate(dataset.source.files):
        key = f"datasets.{name}.source.files.{index}"
        try:
            is_small = (folder / file.path).stat().st_size <= SMALL_BYTES
            found = read_file(file, reading, folder, None if is_small else FIRST_ROWS)
        except (ValueError, OSError) as error:
            return key, str(error)
        if not found and is_small:
            return key, f"{file.path!r} holds no example."
        raw.setdefault(file.split or "train", []).extend(found)
        whole = whole and is_small
    try:
        if whole:
            reading.unique(raw)
    except ValueError as error:
        return f"datasets.{name}.labels", str(error)
    return None
