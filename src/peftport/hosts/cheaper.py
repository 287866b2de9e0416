"""A frozen host computed in ways that cost less; its results differ in rounding."""

from collections.abc import Mapping

from torch import nn
from transformers import PreTrainedModel

from peftport.hosts import gelu, products
from peftport.hosts.short_attention import use_short_attention


def cheaper(host: PreTrainedModel) -> PreTrainedModel:
    """The host itself, its layers and its attention exchanged for cheaper ones where this machine has them."""
    exchange_layers(host, gelu.LAYERS | (products.LAYERS if products.onednn_pays() else {}))
    use_short_attention(host)
    return host


def exchange_layers(host: nn.Module, layers: Mapping[type[nn.Module], type[nn.Module]]) -> None:
    """Turn every layer of a kind that ``layers`` names into the kind beside it; names and weights stay."""
    for layer in host.modules():
        layer.__class__ = layers.get(type(layer), type(layer))
