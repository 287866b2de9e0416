"""The kinds of a host's weights: projections as its family names them, norms, embeddings, output layer, others."""

from collections.abc import Sequence

from torch import nn
from transformers import PreTrainedModel

from peftport.hosts.families.table import family
from peftport.hosts.sites import PROJECTIONS

SITES = (*PROJECTIONS, "norm")  # kinds of sites that have weights
OF_EVERY_LAYER = "relative_attention_bias"  # T5's tables of relative positions lie in attentions: no embeddings


def weight_kinds(model: PreTrainedModel) -> dict[str, str]:
    """Every parameter's name to its kind: one of ``SITES``, ``embedding``, ``head`` (an output layer of its own), or
    ``other``. A tied output layer is the embedding.
    """
    kind = family(model.config.model_type)
    sites = [site for site in SITES if site in kind.sites]
    embeddings = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and OF_EVERY_LAYER not in name
    }

    def of(name: str) -> str:
        if name in embeddings:
            return "embedding"
        if name in kind.head:
            return "head"
        owner = name.rpartition(".")[0]
        try:
            return kind.kind(owner, sites)
        except ValueError:
            return "other"

    return {name: of(name) for name, _ in model.named_parameters()}


def let_train(model: PreTrainedModel, weights: str | Sequence[str]) -> None:
    """Give a gradient to the weights that train, and to no others.

    Args:
        weights: ``all``, ``without_embeddings``, or kinds.

    Raises:
        ValueError: the host has no weights of a kind.
    """
    kinds = weight_kinds(model)
    there = sorted(set(kinds.values()))
    if isinstance(weights, str):
        wanted = {kind for kind in there if weights == "all" or kind != "embedding"}
    elif missing := [kind for kind in weights if kind not in there]:
        raise ValueError(f"weights: the host has none of the kind {missing[0]!r}; it has {', '.join(there)}")
    else:
        wanted = set(weights)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(kinds[name] in wanted)
