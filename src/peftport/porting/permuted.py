"""The ported module's very entries in another order: the strictest reading of "same distribution"."""

import numpy as np

from peftport.porting.constant import map_varying
from peftport.storage.modules import Module

RULE = "Every tensor holds exactly the source module's entries for it, shuffled."
NEEDS = frozenset({"source"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """Each tensor's entries shuffled within the tensor; marginal distribution and norm are kept exactly."""
    return map_varying(module, lambda tensor: rng.permutation(tensor.ravel()).reshape(tensor.shape))
