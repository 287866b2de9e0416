"""Adapters: Houlsby et al., *Parameter-Efficient Transfer Learning for NLP*, ICML 2019 (arXiv 1902.00751).

Formula: ``h <- h + W_up f(W_down h + b_down) + b_up`` behind each chosen sub-layer, before the host's residual sum;
``h`` is (batch, length, d), ``W_down`` (b, d), ``W_up`` (d, b). Weights start from a truncated N(0, init_std), so
that the module starts near the identity; biases from zero.

Parameters: sites * (2 d b + b + d).

Where we differ from the paper: the host's layer norms stay frozen, for they belong to the host and a module must be
movable without it; adapters behind cross-attention are a choice (``sites``), as the paper has no decoder.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from peftport.hosts.sites import Family
from peftport.techniques.base import Shape, SiteTuner, Specification, register, truncated_normal, zeros
from peftport.techniques.bottleneck import BottleneckConfig, BottleneckLayer, config_fields, sites_and_width


@dataclass
class AdaptersConfig(BottleneckConfig):
    """peft config of adapters."""

    PEFT_TYPE = "HOULSBY"
    init_std: float = 0.01


class AdaptersLayer(BottleneckLayer):
    """A site with an adapter behind it."""

    adapter_layer_names = ("houlsby_down_weight", "houlsby_down_bias", "houlsby_up_weight", "houlsby_up_bias")

    @staticmethod
    def specification(config: AdaptersConfig, shape: Shape) -> Specification:
        model, width = shape["d_model"], config.width(shape["d_model"])
        return {
            "houlsby_down_weight": ((width, model), truncated_normal(config.init_std)),
            "houlsby_down_bias": ((width,), zeros),
            "houlsby_up_weight": ((model, width), truncated_normal(config.init_std)),
            "houlsby_up_bias": ((model,), zeros),
        }

    def down(self, hidden: Tensor, adapter: str) -> Tensor:
        weight, bias = (self.parameter(f"houlsby_down_{part}", adapter) for part in ("weight", "bias"))
        return nn.functional.linear(hidden, weight, bias)

    def up(self, hidden: Tensor, adapter: str) -> Tensor:
        weight, bias = (self.parameter(f"houlsby_up_{part}", adapter) for part in ("weight", "bias"))
        return nn.functional.linear(hidden, weight, bias)


class AdaptersTuner(SiteTuner):
    """peft tuner of adapters."""

    prefix = "houlsby_"
    tuner_layer_cls = AdaptersLayer


def peft_config(settings: Mapping[str, Any], family: Family) -> AdaptersConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such sites, or the non-linearity is unknown.
    """
    return AdaptersConfig(**config_fields(settings, family), init_std=settings["init_std"])


def site_kinds(settings: Mapping[str, Any], family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return list(settings["sites"])


def expected_sites(settings: Mapping[str, Any], shape: Shape) -> int:
    """Number of sites wrapped in a host of this shape."""
    return sites_and_width(settings, shape)[0]


def parameter_count(settings: Mapping[str, Any], shape: Shape) -> int:
    """Exact number of trainable parameters."""
    sites, width = sites_and_width(settings, shape)
    return sites * (2 * shape["d_model"] * width + width + shape["d_model"])


register(AdaptersConfig, AdaptersTuner)
