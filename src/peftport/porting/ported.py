"""The source module itself: a plain copy, which needs hosts of equal shape."""

from dataclasses import replace

import numpy as np

from peftport.storage.modules import Module

RULE = "Every tensor is the source module's own, bit for bit."
NEEDS = frozenset({"source"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """A copy of the module; nothing is drawn."""
    return replace(module, tensors={name: tensor.copy() for name, tensor in sorted(module.tensors.items())})
