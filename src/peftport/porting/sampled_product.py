r"""``sampled`` for low-rank techniques, where what acts on the host is a product of two tensors.

Entries of A and B that are drawn apart have the moments of the ported A and B, but their product does not have
those of the ported :math:`BA`: in a trained pair the strong ranks of A are the strong ranks of B. Here both are
drawn as in ``sampled`` and then scaled so that :math:`\|B'A'\|_F = \|BA\|_F`, the factor shared evenly between the
two (all of it on the other one where one is constant). Equal norms mean equal mean squares of the updates' entries.
"""

from dataclasses import replace

import numpy as np

from peftport.porting import sampled
from peftport.porting.constant import is_constant
from peftport.storage.modules import Module

RULE = (
    "As `sampled`, and then each pair of low-rank factors A and B is scaled so that its update BA has the Frobenius "
    "norm that it has in the source module; tensors outside such pairs are as in `sampled`, which is the default."
)
NEEDS = frozenset({"source"})


def start(module: Module, rng: np.random.Generator, siblings: list[Module]) -> Module:
    """``sampled``, with every pair lora_A, lora_B scaled to the norm of the ported update."""
    return scaled(module, sampled.start(module, rng, siblings))


def scaled(module: Module, drawn: Module) -> Module:
    """The drawn module with every pair lora_A, lora_B scaled to the norm of the ported update."""
    tensors = dict(drawn.tensors)
    for down, up in pairs(module):
        pair = [name for name in (down, up) if not is_constant(module.tensors[name])]
        norm = update_norm(tensors[down], tensors[up])
        if pair and norm > 0:
            factor = update_norm(module.tensors[down], module.tensors[up]) / norm
            for name in pair:
                tensors[name] = (tensors[name].astype(np.float64) * factor ** (1 / len(pair))).astype(
                    drawn.tensors[name].dtype
                )
    return replace(drawn, tensors=tensors)


def pairs(module: Module) -> list[tuple[str, str]]:
    """Names of the low-rank factors A and B whose product acts on the host."""
    named = [
        (down, down.replace("lora_A", "lora_B").replace("lora_embedding_A", "lora_embedding_B"))
        for down in module.tensors
    ]
    return [(down, up) for down, up in named if up != down and up in module.tensors]


def update_norm(down: np.ndarray, up: np.ndarray) -> float:
    """Frobenius norm of up @ down, from two matrices of the rank's size.

    Args:
        down: (rank, inputs).
        up: (outputs, rank).
    """
    down, up = down.astype(np.float64), up.astype(np.float64)
    return float(np.sqrt(max(np.sum((up.T @ up) * (down @ down.T)), 0.0)))
