"""One part of a module of two techniques beside a fresh other part, so that it shows which of them carries."""

import numpy as np

from peftport.storage.module_parts import only
from peftport.storage.modules import Module

RULE = (
    "Of a module of two techniques the inner part (the one that wraps the host first) is the source module's own, bit "
    "for bit; the outer part is fresh in the target host, the same one that `scratch` has."
)
NEEDS = frozenset({"source"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """A copy of the inner part; the target host makes the other one, and a classification head."""
    return only(module, 0)
