"""Files of a study that are newer than now: a clock that was set back, or one that was ahead."""

import contextlib
import os
import time

from peftport.jobs.duration import duration

NO_OUTPUTS = ("logs", "benchmarks", "checkpoints")  # folders of a study's results that no job reads
AHEAD_SECONDS = 5.0  # what the clocks of a file server and its hosts may differ by
LATE = """\
{number} of this study's files, {first} for example, are {ahead} newer than this host's clock says it is now \
({now}). Every job that reads them would be thrown away. Set the clock, or, if it is right, set their times to \
now: find {results} -newermt now -exec touch -t {stamp} {{}} +"""


def newer_than_now(results: str) -> dict[str, float]:
    """Files below a study's results whose time is ahead of this host's clock, to the seconds by which it is.

    That of an output which is a folder stands in a file that Snakemake puts into it.
    """
    now, found, folders = time.time(), {}, [results]
    left_out = {f"{results}/{name}" for name in NO_OUTPUTS}
    while folders:
        with contextlib.suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders += {entry.path} - left_out
                elif (ahead := entry.stat(follow_symlinks=False).st_mtime - now) > AHEAD_SECONDS:
                    found[entry.path] = ahead
    return found


def late(results: str) -> str:
    """What to say of files that are newer than now, in one line with what helps; empty if there are none.

    Args:
        results: the folder of its results.
    """
    ahead = newer_than_now(results)
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
