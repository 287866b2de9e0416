"""LoRA: Hu et al., *LoRA: Low-Rank Adaptation of Large Language Models*, ICLR 2022 (arXiv 2106.09685); peft's own.

Formula: ``W x + (alpha / rank) B A x`` for each chosen projection W; ``A`` is (rank, inputs), Kaiming uniform at the
start, ``B`` is (outputs, rank), zero at the start.

Parameters: rank * (inputs + outputs) per projection.

Where we differ from peft: the projections are named by kind (``q``, ``v``, ``wo`` ...) and become a regular
expression, because peft's list is a set and its JSON changes from process to process.
"""

import functools
from collections.abc import Mapping
from typing import Any

from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from peftport.hosts.shape import projection_size, site_counts
from peftport.hosts.sites import Family
from peftport.techniques.output import PRODUCT, Output
from peftport.techniques.stacked_ops import Shared, linear

OUTPUT = Output(PRODUCT)


def peft_config(settings: Mapping[str, Any], family: Family) -> LoraConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such projections.
    """
    return LoraConfig(
        r=settings["rank"],
        lora_alpha=settings["alpha"],
        lora_dropout=settings["dropout"],
        target_modules=family.pattern(settings["targets"]),
        fan_in_fan_out=family.transposed,
    )


def site_kinds(settings: Mapping[str, Any], family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return list(settings["targets"])


def expected_sites(settings: Mapping[str, Any], shape: Mapping[str, int]) -> int:
    """Number of projections wrapped in a host of this shape."""
    counts = site_counts(shape)
    return sum(counts[kind] for kind in settings["targets"])


def parameter_count(settings: Mapping[str, Any], shape: Mapping[str, int]) -> int:
    """Exact number of trainable parameters.

    Raises:
        ValueError: a target is no projection.
    """
    counts = site_counts(shape)
    return sum(counts[kind] * settings["rank"] * sum(projection_size(kind, shape)) for kind in settings["targets"])


def share(model: nn.Module) -> list[Shared] | None:
    """What peft's layers must do instead, so that several modules can share a host; None for DoRA and the like."""
    layers = [layer for layer in model.modules() if isinstance(layer, LoraLayer)]
    if any(layer.lora_variant for layer in layers):
        return None
    return [(layer, "forward", functools.partial(_forward, layer)) for layer in layers]


def _forward(layer: LoraLayer, hidden: Tensor) -> Tensor:
    (adapter,), result = layer.active_adapters, layer.base_layer(hidden)
    down, up = layer.lora_A[adapter].weight, layer.lora_B[adapter].weight
    change = linear(linear(hidden.to(down.dtype), down), up) * layer.scaling[adapter]
    return (result + change).to(result.dtype)
