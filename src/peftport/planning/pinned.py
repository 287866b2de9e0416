"""Settings in which the hub's branches and tags are commits, so that a branch that moves changes keys."""

import json
import os
from collections.abc import Callable
from typing import TypeVar

from peftport.data.settings import HubDataset
from peftport.hosts.settings import HubHost
from peftport.planning.commits import KNOWN, known_commits, last_commits, name_of
from peftport.storage.hub import commit_of, refuse_unless_pinned
from peftport.storage.hub_refusal import HubRefusal, named
from peftport.study.config import ConfigError
from peftport.study.study import Study

MOVED = (
    "config key `{key}`: `{revision}` of `{id}` has moved since it was last planned or run here, from commit {before} "
    "to {now}. What depends on it is made again with the new one; `revision: {before}` keeps the old one."
)

Repository = TypeVar("Repository", HubHost, HubDataset)
Say = Callable[[str], None]


def pinned(study: Study, say: Say = lambda _: None) -> Study:
    """The study with the commit of every host and dataset of a hub as its ``revision``.

    A name that cannot be resolved, without a network and without a copy in the cache, stays; a run then starts no job
    (``unresolved``).

    Args:
        say: told, in one line each, of a branch that has moved and of a hub that does not answer.

    Raises:
        ConfigError: the hub says that there is no such repository or revision, or that it may not be read.
    """
    known = known_commits()
    hosts, datasets = dict(study.config.hosts), dict(study.config.datasets)
    pin = _Pin(study, known, say)
    for name in study.hosts:
        if (hub := hosts[name].hub) is not None:
            hosts[name] = hosts[name].model_copy(update={"hub": pin("host", hub, f"hosts.{name}.hub")})
    for name in study.read_datasets:
        source = datasets[name].source
        if (hub := source.hub) is not None:
            source = source.model_copy(update={"hub": pin("dataset", hub, f"datasets.{name}.source.hub")})
            datasets[name] = datasets[name].model_copy(update={"source": source})
    if known:
        os.environ[KNOWN] = json.dumps(known)
    return Study(study.config.model_copy(update={"hosts": hosts, "datasets": datasets}), study.folder)


def unresolved(study: Study) -> str:
    """What to say of the first host or dataset of a hub whose commit a pinned study lacks; empty if there is none."""
    hubs = [("host", study.config.hosts[name].hub) for name in study.hosts]
    hubs += [("dataset", study.config.datasets[name].source.hub) for name in study.read_datasets]
    for kind, hub in hubs:
        try:
            if hub is not None:
                refuse_unless_pinned(kind, hub.id, hub.revision)
        except HubRefusal as error:
            return str(error)
    return ""


class _Pin:
    """Puts a repository at the commit of its revision, which is asked for where it is not ``known`` yet."""

    def __init__(self, study: Study, known: dict[str, str | None], say: Say):
        self.known, self.say, self.last = known, say, last_commits(study.folder)

    def __call__(self, kind: str, hub: Repository, key: str) -> Repository:
        name = name_of(kind, hub.id, hub.revision)
        if name not in self.known:
            before = self.last.get(name)
            try:
                with named(key):
                    now = commit_of(kind, hub.id, hub.revision, before, self.say)
            except HubRefusal as error:
                raise ConfigError(str(error)) from None
            self.known[name] = now
            if now and before and now != before:
                self.say(MOVED.format(key=key, revision=hub.revision, id=hub.id, before=before, now=now))
        return hub.model_copy(update={"revision": self.known[name] or hub.revision})
