"""A config in which the hub's branches and tags are commits, so that a branch that moves changes keys."""

import copy
import json
import os
from collections.abc import Iterator
from typing import Any

from peftport.storage.hub import commit_of
from peftport.study.grid import Study

KNOWN = "PEFTPORT_COMMITS"  # what a run has found out, for its jobs: on a node of a cluster they read the config again


def pinned(study: Study) -> Study:
    """The study with the commit of every host and dataset of a hub as its ``revision``.

    A name that cannot be resolved, without a network and without a copy in the cache, stays; the job that would
    download it refuses it (``peftport.storage.hub.refuse_unless_pinned``).
    """
    study = Study(copy.deepcopy(study.config), study.folder)
    known = json.loads(os.environ.get(KNOWN, "{}"))
    for kind, hub in _repositories(study):
        name = f"{kind} {hub['id']} {hub['revision']}"
        if name not in known:
            known[name] = commit_of(kind, hub["id"], hub["revision"])
        hub["revision"] = known[name] or hub["revision"]
    if known:
        os.environ[KNOWN] = json.dumps(known)
    return study


def _repositories(study: Study) -> Iterator[tuple[str, dict[str, Any]]]:
    """The kind (host or dataset) and entry of each repository of a hub that the grid uses."""
    for name in study.hosts:
        if hub := study.config["hosts"][name].get("hub"):
            yield "host", hub
    for name in study.datasets:
        if hub := study.config["datasets"][name]["source"].get("hub"):
            yield "dataset", hub
