"""What modules of the technique have in common in the target host, whatever they were trained on."""

from dataclasses import replace

import numpy as np

from peftport.porting.compatibility import module_fits
from peftport.storage.modules import Module

RULE = "Every tensor is the mean of that tensor over the other modules of the technique trained in the target host."
NEEDS = frozenset({"source", "siblings"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """The mean, tensor by tensor; nothing is drawn.

    Raises:
        ValueError: there are no siblings, or one has other tensors than the module.
    """
    if not siblings:
        raise ValueError("target_mean: no other module of the technique in the target host to take the mean of")
    for sibling in siblings:
        if wrong := module_fits(sibling, module.shapes()):
            raise ValueError("target_mean: a module in the target host differs:\n" + "\n".join(wrong))
    tensors = {
        name: np.mean([sibling.tensors[name].astype(np.float64) for sibling in siblings], axis=0).astype(tensor.dtype)
        for name, tensor in sorted(module.tensors.items())
    }
    return replace(module, tensors=tensors)
