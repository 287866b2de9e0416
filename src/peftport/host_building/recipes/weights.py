"""The random start of a host that the study builds."""

from collections.abc import Mapping

import torch
from transformers import PreTrainedModel

from peftport.seeds import derive


def draw_weights(model: PreTrainedModel, seed: int, scales: Mapping[str, float], scale: float) -> None:
    """Fill every parameter in place, from one generator: matrices normal, weights of norms with 1, biases with 0.

    Args:
        scales: standard deviations of matrices by the name of the submodule that owns them.
        scale: that of all others.
    """
    random = torch.Generator().manual_seed(derive(seed, "initialisation"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.fill_(float(name.endswith("weight")))
            else:
                parameter.normal_(0.0, scales.get(name.split(".")[-2], scale), generator=random)
