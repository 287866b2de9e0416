"""What installed packages add to the tables, by entry points of the groups ``peftport.<group>`` (docs/extend.md).

An entry point names a module, or a class in one, as a table of ours does; it is imported when it is asked for and not
before. A package's own code is part of the keys as the library's is (``peftport.storage.code_stamp``).
"""

import functools
import importlib
import itertools
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PREFIX = "peftport."
# what the value of an entry point of each group is
GROUPS = {
    "techniques": "the module of a technique; its type for peft is its name in capitals",
    "technique_settings": "the class of a technique's settings",
    "families": "the module of a family of hosts, by transformers' `model_type`",
    "initialisations": "the module of an initialisation that needs no more than source modules",
    "maps": "the module of a method to map hosts",
    "figures": "the module of a figure",
}
PAIRS = ("techniques", "technique_settings")  # each name of one of them is also one of the other

_faults: list[str] = []  # what is wrong with what is installed, as far as it was asked for


@functools.cache
def _entries() -> dict[str, tuple[EntryPoint, ...]]:
    """All entry points by group; one look at what is installed."""
    every = entry_points()
    return {group: tuple(sorted(every.select(group=f"{PREFIX}{group}"), key=_order)) for group in GROUPS}


def _order(entry: EntryPoint) -> tuple[str, str]:
    return entry.name, entry.value


def added(group: str) -> dict[str, str]:
    """What installed packages add to a group: name to ``module`` or ``module:class``.

    Raises:
        KeyError: no such group.
    """
    return {entry.name: entry.value for entry in _entries()[group]}


def extended(group: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """A table of ours with what installed packages add; what is ours stays, and ``faults`` says so."""
    _faults.extend(
        f"{_by(entry)} adds `{entry.name}` to `{PREFIX}{group}`, which peftport has itself"
        for entry in _entries()[group]
        if entry.name in own
    )
    return {**own, **{name: value for name, value in added(group).items() if name not in own}}


def extended_by_classes(group: str, own: Mapping[str, type]) -> dict[str, type]:
    """The same of a table of classes, imported; one that cannot be is left out, and ``faults`` says why."""
    classes = dict(own)
    for name, reference in extended(group, own).items():
        if name not in own:
            module, _, attribute = reference.partition(":")
            try:
                classes[name] = getattr(importlib.import_module(module), attribute)
            except (ImportError, AttributeError) as error:
                _faults.append(f"`{reference}`, which an installed package adds to `{PREFIX}{group}`: {error}")
    return classes


def faults() -> list[str]:
    """What is wrong with what is installed, one line each; the tables must have been imported."""
    said = list(_faults)
    for group, entries in _entries().items():
        for first, second in itertools.pairwise(entries):
            if first.name == second.name and first.value != second.value:
                said.append(f"{_by(first)} and {_by(second)} both add `{first.name}` to `{PREFIX}{group}`")
        said += [
            f"{_by(entry)} adds `{entry.value}` to `{PREFIX}{group}`, which lies in no package (a folder of modules)"
            for entry in entries
            if entry.module.split(".")[0] not in packages()
        ]
    for one, other in (PAIRS, PAIRS[::-1]):
        missing = sorted(added(one).keys() - added(other))
        what = f"which an installed package adds to `{PREFIX}{one}`, is not in `{PREFIX}{other}`"
        said += [f"`{name}`, {what}" for name in missing]
    return said


def _by(entry: EntryPoint) -> str:
    return f"the installed package {entry.dist.name} {entry.dist.version}" if entry.dist else "an installed package"


@functools.cache
def packages() -> dict[str, Path]:
    """The folder of every package that an entry point leads into, by its first name."""
    found = {}
    for name in sorted({entry.module.split(".")[0] for entries in _entries().values() for entry in entries}):
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found[name] = Path(next(iter(spec.submodule_search_locations)))
    return found
