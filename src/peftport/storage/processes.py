"""Which processes live: by host name, process id and beginning, for files that name who made them.

A process id alone is no name: another host of a shared file system has the same one, and a host gives it again.
"""

import os
import platform
import re
from pathlib import Path

MOST_CHARACTERS = 40  # of a host name in a file's name


def host_name() -> str:
    """The name of this host, of characters that may stand in a file's name; no dots."""
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node() or "unknown")[:MOST_CHARACTERS]


def process_facts(process: int) -> list[str] | None:
    """Fields of ``/proc/<process>/stat`` from the state on: state, parent, ...; None where there is no such process.

    On a system without ``/proc`` there is none of any process.
    """
    try:
        # the name before them stands in brackets and may hold anything
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None


def beginning_of(process: int) -> str:
    """When a process began, in clock ticks since the host's start; empty where the system does not say."""
    facts = process_facts(process)
    return facts[19] if facts else ""


def alive(process: int, began: str = "") -> bool:
    """Whether a process of this host lives.

    Args:
        process: its id.
        began: what ``beginning_of`` said of it; empty if only the id is known.
    """
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    facts = process_facts(process)
    if facts is None:  # a system that tells nothing more
        return True
    return facts[0] not in "ZX" and began in ("", facts[19])
