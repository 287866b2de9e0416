"""The commits that branches of a hub were when a study was last run in a folder, or first planned there."""

import contextlib
import json
import os
from pathlib import Path

from peftport.storage.files import DamagedFile, read_json, write_json
from peftport.storage.hub import is_commit

KNOWN = "PEFTPORT_COMMITS"  # what a run has found out, for its jobs: on a node of a cluster they read the config again
NOTE = Path(".snakemake/peftport/hub/commits.json")

Commits = dict[str, str | None]  # a repository's kind, name and revision to the commit, None where nobody knows it


def name_of(kind: str, identifier: str, revision: str) -> str:
    """The name of a revision of a repository among ``Commits``."""
    return f"{kind} {identifier} {revision}"


def known_commits() -> Commits:
    """What this run has found out."""
    return json.loads(os.environ.get(KNOWN, "{}"))


def last_commits(folder: Path) -> Commits:
    """What the note of a folder says; nothing where there is none that can be read."""
    try:
        return read_json(folder / NOTE)
    except (OSError, DamagedFile):
        return {}


def keep_commits(folder: Path, *, run: bool) -> None:
    """Note which commits branches and tags are now, for the next run.

    Args:
        run: this is a run; else a plan, which changes nothing that is noted.
    """
    now = {name: commit for name, commit in known_commits().items() if commit and not is_commit(name.split()[-1])}
    before = last_commits(folder)
    after = before | now if run else now | before
    if after != before:
        with contextlib.suppress(OSError):  # a folder that cannot be written is another's to refuse
            (folder / NOTE).parent.mkdir(parents=True, exist_ok=True)
            write_json(folder / NOTE, after)
