"""What a file says of its own making: a short digest of settings, and the versions of the libraries used."""

import functools
import hashlib
import json
import os
from importlib import metadata
from pathlib import Path
from typing import Any

JsonObject = dict[str, Any]  # a free-form JSON object: a card, facts, metadata

LEANED_ON = ("torch", "transformers", "peft")


RESULTS = "results"  # the folder of all studies' results, where a study runs


@functools.cache
def versions() -> dict[str, str]:
    """Versions of the libraries on whose internals the results depend."""
    return {name: metadata.version(name) for name in LEANED_ON}


def digest(value: Any) -> str:
    """A short digest of a JSON value; the order of keys in a mapping does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def path_in_study(path: str | Path) -> str | None:
    """A file's path below ``results/<study>``, by which a file of a study says which one it is.

    Args:
        path: from where the study runs, as all jobs name their files; for any other path the answer is None.
    """
    folder, *inner = Path(os.path.normpath(path)).parts or ("",)
    return "/".join(inner[1:]) if folder == RESULTS and len(inner) > 1 else None


def identity(path: str | Path) -> JsonObject:
    """Which file of a study it is, ``path``, for its metadata; nothing outside of a study."""
    inner = path_in_study(path)
    return {} if inner is None else {"path": inner}
