"""Long lines on a terminal are folded at blanks, what follows below the beginning of the text. Elsewhere they stay."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator

WIDEST = 120  # characters; wider lines are hard to follow
LEAST_TEXT = 30  # characters of text in a line; a terminal with less room gets small indents
HANG = 2
INTERVAL = re.compile(r"\[[^][]{,40}\]")  # stays in one line


def terminal_width() -> int | None:
    """Characters in a line of the terminal that is written to; None where it is a file or a pipe."""
    return min(shutil.get_terminal_size().columns, WIDEST) if sys.stdout.isatty() else None


def folded(lines: Iterable[str], width: int | None, hang: int = HANG) -> Iterator[str]:
    """Lines that are no wider than ``width`` where words allow it; none is changed where that is None.

    Args:
        hang: how far what follows a fold is indented, beyond the indent of its own line.
    """
    for line in lines:
        if width is None:
            yield line
            continue
        line = INTERVAL.sub(lambda found: found[0].replace(" ", "\N{NO-BREAK SPACE}"), line)
        inner = len(line) - len(line.lstrip()) + HANG if width < hang + LEAST_TEXT or hang == HANG else hang
        indent, whole = " " * inner, {"break_long_words": False, "break_on_hyphens": False}
        for part in textwrap.wrap(line, width, subsequent_indent=indent, **whole) or [""]:
            yield part.replace("\N{NO-BREAK SPACE}", " ")
