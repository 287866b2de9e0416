"""What two hosts of a study compute on a dataset's training texts; loads torch."""

from collections.abc import Sequence

from peftport.hosts.load import load_model, load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.maps.moments import Gathered
from peftport.maps.moments_reader import Reader
from peftport.maps.pair import End
from peftport.storage.parquet import read_table

PER_COORDINATE = 4  # rows that a map is fitted to, for each coordinate of the widest space
WIDTHS = ("d_model", "d_ff")


def moments(source: End, target: End, file: str) -> Gathered:
    """The moments of both hosts on the texts of a split; on the CPU and in float32, whatever the study computes in.

    Args:
        file: the table ``examples`` of the split; its labels are not looked at.
    """
    texts: Sequence[str] = list(read_table(file, "examples")["text"])
    rows = PER_COORDINATE * max(end.card["shape"][name] for end in (source, target) for name in WIDTHS)
    return Gathered(_reader(source), _reader(target), texts, rows)


def _reader(end: End) -> Reader:
    folder = known_folder(end.card)
    return Reader(end, load_model(folder), load_tokenizer(folder))
