"""The source module's classification head beside a fresh module, so that what the module adds to its head shows."""

import numpy as np

from peftport.porting import ported
from peftport.storage.modules import Module

RULE = (
    "The classification head is the source module's own, bit for bit; beside it the technique's fresh initialisation "
    "in the target host, the same one that `scratch` has."
)
NEEDS = frozenset({"source", "head"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """A copy of the head; the target host makes the rest."""
    return ported.start(module.head_alone(), rng, siblings)
