"""The source module without its classification head: the target host gets the head that `scratch` has there."""

import numpy as np

from peftport.porting import ported
from peftport.storage.modules import Module

RULE = (
    "Every tensor is the source module's own, bit for bit, but for the classification head, which is fresh: the same "
    "one that `scratch` has in the target host."
)
NEEDS = frozenset({"source", "head"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """A copy of what the technique has added; nothing is drawn, and no head is in it."""
    return ported.start(module.without_head(), rng, siblings)
