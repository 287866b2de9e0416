"""The files that a corpus names, one by one or by patterns."""

import glob
from pathlib import Path

from peftport.hosts.corpus_settings import FurtherCorpus


def corpus_files(corpus: FurtherCorpus, folder: Path = Path()) -> list[Path]:
    """The files of a corpus, in the order of its entries, those of a pattern sorted; each once.

    Args:
        folder: where relative paths start; the files are named as the entries are, relative to it.

    Raises:
        FileNotFoundError: an entry is no file, and a pattern of none; the message is the entry.
    """
    found: list[str] = []
    for entry in corpus.files or []:
        named = [entry] if (folder / entry).is_file() else sorted(glob.glob(entry, root_dir=folder, recursive=True))
        files = [name for name in named if (folder / name).is_file()]
        if not files:
            raise FileNotFoundError(entry)
        found += files
    return [Path(name) for name in dict.fromkeys(found)]
