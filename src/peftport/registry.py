"""Names that are not known: one wording for all of them, with the nearest known name."""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any


def did_you_mean(name: Any, known: Iterable[Any]) -> str:
    """`` Did you mean `lora`?`` where a known name is near, else nothing."""
    found = difflib.get_close_matches(str(name)[:100], [str(one) for one in known], n=1, cutoff=0.5)
    return f" Did you mean `{found[0]}`?" if found else ""


def unknown_name(what: str, name: Any, known: Iterable[Any]) -> str:
    """The message for a name that is defined nowhere: what it should be, the nearest known name, all known names."""
    known = list(known)
    listed = ", ".join(f"`{one}`" for one in known) or "none"
    return f"no {what} `{name}`.{did_you_mean(name, known)} Known: {listed}."


def import_entry(what: str, name: str, modules: Mapping[str, str]) -> ModuleType:
    """Import the module that a table names for an entry, and only that one.

    Raises:
        ValueError: the table has no such entry; the message offers a near name and lists all.
    """
    if name not in modules:
        raise ValueError(unknown_name(what, name, modules))
    return importlib.import_module(modules[name])
