"""What an adapter adds at each site, as a norm: of LoRA, from its two matrices and without their product."""

import math
from collections.abc import Mapping

import numpy as np

from peftport.adapters.case import Case
from peftport.adapters.targets import ByPattern

PAIRS = (("lora_A.weight", "lora_B.weight"), ("lora_embedding_A", "lora_embedding_B"))


def delta_norms(case: Case, tensors: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Frobenius norm of what a LoRA adds to each site's weight, ``scale * B A``; empty for other types.

    The squared norm of a product is the sum of the entries of ``(B^T B) * (A A^T)``, which is rank by rank.

    Raises:
        Unmatchable: a pattern of its config is not matched here.
    """
    config = case.config
    if config.peft_type != "LORA":
        return {}
    ranks, alphas = ByPattern(config.rank_pattern), ByPattern(config.alpha_pattern)
    norms = {}
    for site, parts in case.sites.tensors.items():
        for first, second in PAIRS:
            if first in parts and second in parts:
                a, b = (tensors[parts[name]].astype(np.float64) for name in (first, second))
                rank, alpha = ranks.key(site), alphas.key(site)
                rank = config.rank if rank is None else config.rank_pattern[rank]
                alpha = config.alpha if alpha is None else config.alpha_pattern[alpha]
                scale = config.scale(rank or len(a), alpha if alpha is not None else 8.0)
                norms[site] = abs(scale) * product_norm(b, a)
    return norms


def product_norm(b: np.ndarray, a: np.ndarray) -> float:
    """Frobenius norm of the product of (outputs, rank) and (rank, inputs)."""
    return math.sqrt(max(float(((b.T @ b) * (a @ a.T)).sum()), 0.0))
