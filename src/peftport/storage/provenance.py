"""What a file says of its own making: a short digest of settings, and the versions of the libraries used."""

import functools
import hashlib
import json
from importlib import metadata
from typing import Any

JsonObject = dict[str, Any]  # a free-form JSON object: a card, facts, metadata

LEANED_ON = ("torch", "transformers", "peft")


# Tables of entries that are reached by name: a rule stamps the entry it uses, so a further entry moves no other's key.
# Jobs, and where and at what cost they run, only carry out what the stages ask for.
@functools.cache
def versions() -> dict[str, str]:
    """Versions of the libraries on whose internals the results depend."""
    return {name: metadata.version(name) for name in LEANED_ON}


def digest(value: Any) -> str:
    """A short digest of a JSON value; the order of keys in a mapping does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
