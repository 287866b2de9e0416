"""What an adapter adds at each site, as a norm: of LoRA, from its two matrices and without their product."""

from collections.abc import Mapping

import numpy as np

from peftport.adapters.case import Case
from peftport.adapters.low_rank import low_rank
from peftport.porting.sampled_product import update_norm

PAIRS = (("lora_A.weight", "lora_B.weight"), ("lora_embedding_A", "lora_embedding_B"))


def delta_norms(case: Case, tensors: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Frobenius norm of what a LoRA adds to each site's weight, ``scale * B A``; empty for other types.

    Raises:
        Unmatchable: a pattern of its config is not matched here.
    """
    norms = {}
    for site, part in low_rank(case.adapter, case.config, case.sites).items():
        names = case.sites.tensors[site]
        for first, second in PAIRS:
            if first in names and second in names:
                scale = case.config.scale(part.rank, part.alpha)
                norms[site] = abs(scale) * update_norm(tensors[names[first]], tensors[names[second]])
    return norms
