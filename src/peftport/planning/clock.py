"""Files of a study that are newer than now: a clock that was set back, or one that was ahead."""

import time
from collections.abc import Iterable
from pathlib import Path

from peftport.duration import duration

OF_FOLDERS = ".snakemake_timestamp"  # what Snakemake puts into an output that is a folder, for its time
AHEAD_SECONDS = 5.0  # what the clocks of a file server and its hosts may differ by
LATE = """\
{number} of this study's files, {first} for example, are {ahead} newer than this host's clock says it is now \
({now}). Every job that reads them would be thrown away. Set the clock, or, if it is right, set their times to \
now: find {results} -newermt now -exec touch -t {stamp} {{}} +"""


def newer_than_now(paths: Iterable[str]) -> dict[str, float]:
    """Files and folders of Snakemake whose time is ahead of this host's clock, to the seconds by which it is."""
    now, found = time.time(), {}
    for path in paths:
        try:
            ahead = Path(path).stat().st_mtime - now
            if ahead <= AHEAD_SECONDS and Path(path, OF_FOLDERS).is_file():
                ahead = Path(path, OF_FOLDERS).stat().st_mtime - now
        except OSError:  # not made yet
            continue
        if ahead > AHEAD_SECONDS:
            found[path] = ahead
    return found


def late(paths: Iterable[str], results: str) -> str:
    """What to say of files that are newer than now, in one line with what helps; empty if there are none.

    Args:
        paths: what the study makes.
        results: the folder of its results.
    """
    ahead = newer_than_now(paths)
    if not ahead:
        return ""
    first = max(ahead, key=ahead.get)
    now = time.localtime()
    return LATE.format(
        number=f"{len(ahead):,}",
        first=first,
        ahead=duration(ahead[first]),
        now=time.strftime("%Y-%m-%d %H:%M:%S", now),
        results=results,
        stamp=time.strftime("%Y%m%d%H%M.%S", now),
    )
