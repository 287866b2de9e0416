"""Settings in which the hub's branches and tags are commits, so that a branch that moves changes keys."""

import json
import os
from typing import TypeVar

from peftport.data.settings import HubDataset
from peftport.hosts.settings import HubHost
from peftport.storage.hub import commit_of
from peftport.study.study import Study

KNOWN = "PEFTPORT_COMMITS"  # what a run has found out, for its jobs: on a node of a cluster they read the config again

Repository = TypeVar("Repository", HubHost, HubDataset)


def pinned(study: Study) -> Study:
    """The study with the commit of every host and dataset of a hub as its ``revision``.

    A name that cannot be resolved, without a network and without a copy in the cache, stays; the job that would
    download it refuses it (``peftport.storage.hub.refuse_unless_pinned``).
    """
    known: dict[str, str | None] = json.loads(os.environ.get(KNOWN, "{}"))
    hosts, datasets = dict(study.config.hosts), dict(study.config.datasets)
    for name in study.hosts:
        if (hub := hosts[name].hub) is not None:
            hosts[name] = hosts[name].model_copy(update={"hub": _at_commit("host", hub, known)})
    for name in study.datasets:
        source = datasets[name].source
        if (hub := source.hub) is not None:
            source = source.model_copy(update={"hub": _at_commit("dataset", hub, known)})
            datasets[name] = datasets[name].model_copy(update={"source": source})
    if known:
        os.environ[KNOWN] = json.dumps(known)
    return Study(study.config.model_copy(update={"hosts": hosts, "datasets": datasets}), study.folder)


def _at_commit(kind: str, hub: Repository, known: dict[str, str | None]) -> Repository:
    """A repository of a hub at the commit of its revision, which is asked for where it is not ``known`` yet."""
    name = f"{kind} {hub.id} {hub.revision}"
    if name not in known:
        known[name] = commit_of(kind, hub.id, hub.revision)
    return hub.model_copy(update={"revision": known[name] or hub.revision})
