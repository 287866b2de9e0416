"""The ported module at half its size."""

import numpy as np

from peftport.maps.controls.scaled import scaled
from peftport.storage.modules import Module

RULE = "The ported module, with what it adds to the host multiplied by 0.5; no score has chosen the factor."
NEEDS = frozenset({"source"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """The module scaled; nothing is drawn."""
    return scaled(module, 0.5)
