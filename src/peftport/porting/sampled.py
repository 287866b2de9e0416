"""The ported module's own distribution without its structure: the study's control."""

import numpy as np

from peftport.porting.constant import map_varying
from peftport.storage.modules import Module

RULE = (
    "Every entry is drawn independently from a normal distribution with the mean and standard deviation of the "
    "entries of its tensor in the source module; constant tensors are kept."
)
NEEDS = frozenset({"source"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """Independent normal entries with each tensor's mean and population standard deviation."""
    return map_varying(module, lambda tensor: rng.normal(tensor.mean(), tensor.std(), tensor.shape))
