"""As far from zero as the ported module, in a direction that knows nothing."""

import numpy as np

from peftport.porting.constant import map_varying
from peftport.storage.modules import Module

RULE = (
    "Every tensor points in a uniformly random direction and has the Euclidean norm of the source module's tensor; "
    "constant tensors are kept."
)
NEEDS = frozenset({"source"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """A uniformly random direction per tensor, at the tensor's norm (to the rounding of its type)."""

    def turn(tensor: np.ndarray) -> np.ndarray:
        direction = rng.standard_normal(tensor.shape)
        return direction * (np.linalg.norm(tensor) / np.linalg.norm(direction))

    return map_varying(module, turn)
