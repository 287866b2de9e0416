"""Tensors whose entries are all equal: there is no distribution to draw from, so every control keeps them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from peftport.storage.modules import Module


def is_constant(tensor: np.ndarray) -> bool:
    """Whether all entries are equal; true for one entry or none."""
    return tensor.size < 2 or bool((tensor == tensor.flat[0]).all())


def map_varying(module: Module, change: Callable[[np.ndarray], np.ndarray]) -> Module:
    """The module with ``change`` applied to every tensor that is not constant, in the order of the names.

    ``change`` gets float64 entries; what it returns is stored in the tensor's own type.
    """
    tensors = {
        name: tensor.copy() if is_constant(tensor) else change(tensor.astype(np.float64)).astype(tensor.dtype)
        for name, tensor in sorted(module.tensors.items())
    }
    return replace(module, tensors=tensors)
