"""Plain text files as lists of documents."""

from collections.abc import Sequence
from pathlib import Path

FILE_BYTES = 1_000_000_000


def read(files: Sequence[str | Path]) -> list[str]:
    """Documents of the files, in order.

    A file in which blank lines separate text is read by paragraphs (lines of one paragraph are joined); any other by
    lines. Bytes that are not UTF-8 make the whole file read as Latin-1.

    Raises:
        ValueError: no file is named, a file is missing, or none of them holds text.
    """
    documents: list[str] = []
    for file in files:
        path = Path(file)
        if not path.is_file():
            raise ValueError(f"files: {path} is not a file")
        if (size := path.stat().st_size) > FILE_BYTES:
            raise ValueError(f"files: {path} has {size:,} bytes; at most {FILE_BYTES:,} are read")
        data = path.read_bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        lines = [line.strip() for line in text.splitlines()]
        documents += _paragraphs(lines) if "" in lines else lines
    documents = [d for d in documents if d]
    if not documents:
        raise ValueError(f"files: no text in {', '.join(map(str, files)) or 'an empty list'}")
    return documents


def _paragraphs(lines: list[str]) -> list[str]:
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line:
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [" ".join(p) for p in paragraphs]
