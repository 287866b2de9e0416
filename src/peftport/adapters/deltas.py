"""What an adapter adds at each site, as a norm: of LoRA, from its two matrices and without their product."""

from collections.abc import Mapping

import numpy as np

from peftport.adapters.case import Case
from peftport.adapters.targets import ByPattern
from peftport.porting.sampled_product import update_norm

PAIRS = (("lora_A.weight", "lora_B.weight"), ("lora_embedding_A", "lora_embedding_B"))


def delta_norms(case: Case, tensors: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Frobenius norm of what a LoRA adds to each site's weight, ``scale * B A``; empty for other types.

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
                a, b = (tensors[parts[name]] for name in (first, second))
                rank, alpha = ranks.value(site, config.rank), alphas.value(site, config.alpha)
                scale = config.scale(rank or len(a), alpha if alpha is not None else 8.0)
                norms[site] = abs(scale) * update_norm(a, b)
    return norms
