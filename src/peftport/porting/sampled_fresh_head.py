"""The control of modules that are moved without their classification head."""

import numpy as np

from peftport.porting import sampled
from peftport.storage.modules import Module

RULE = (
    "As `sampled`, but for the classification head, which is fresh: the same one that `scratch` and "
    "`ported_fresh_head` have in the target host."
)
NEEDS = frozenset({"source", "head"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """Independent normal entries for what the technique has added; no head is in it."""
    return sampled.start(module.without_head(), rng, siblings)
