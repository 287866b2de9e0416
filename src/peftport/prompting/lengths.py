"""What is said of prompts that were too long: in a job's log, in the plan, in the report."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from peftport.storage.parquet import read_provenance
from peftport.storage.provenance import JsonObject

CAVEAT = 0.05  # share of a split's prompts above which a cut is a caveat beside the verdict


def cut_sentence(lengths: JsonObject) -> str:
    """How many prompts of a split were cut and where, without a full stop; nothing if none was.

    Args:
        lengths: facts of a table ``prompts`` (``peftport.prompting.encoded.Encoded.lengths``).
    """
    if not lengths["cut"]:
        return ""
    lost = lengths["cut_tokens"] / lengths["cut"]
    return (
        f"{lengths['cut']:,} of {lengths['prompts']:,} prompts were cut to {lengths['longest_allowed']:,} tokens and "
        f"lost {lost:,.0f} tokens on average"
    )


def read_lengths(files: Iterable[str | Path]) -> list[JsonObject]:
    """The facts of tables ``prompts``, with ``host``, ``dataset`` and ``split``, by the files' places in a study."""
    read = []
    for file in map(Path, files):
        names = {"host": file.parts[-4], "dataset": file.parts[-2], "split": file.stem}
        read.append(names | read_provenance(file)["facts"])
    return read


def cut_notes(read: Sequence[JsonObject], share: float = 0.0) -> list[str]:
    """A sentence for every split of which more than this share of the prompts was cut, without a full stop."""
    return [
        f"host {lengths['host']}, dataset {lengths['dataset']}, {lengths['split']}: {cut_sentence(lengths)}"
        for lengths in read
        if lengths["cut"] > share * lengths["prompts"]
    ]
