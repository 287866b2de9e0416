"""Adapters: Houlsby et al., *Parameter-Efficient Transfer Learning for NLP*, ICML 2019 (arXiv 1902.00751).

Formula: ``h <- h + W_up f(W_down h + b_down) + b_up`` behind each chosen sub-layer, before the host's residual sum;
``h`` is (batch, length, d), ``W_down`` (b, d), ``W_up`` (d, b). Weights start from a truncated N(0, init_std), so
that the module starts near the identity; biases from zero.

With ``share: layers`` all sites of one kind (``attention``, ``cross_attention``, ``feed_forward``; encoder and decoder
alike) have one adapter in common, which is stored once, on the tuner.

Parameters: sites * (2 d b + b + d); shared, kinds * (2 d b + b + d).

Where we differ from the paper: the host's layer norms stay frozen, for they belong to the host and a module must be
movable without it; adapters behind cross-attention are a choice (``sites``), as the paper has no decoder; the paper
shares nothing between sites, ``share`` is there to measure what sharing does.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from peftport.hosts.families.table import family
from peftport.hosts.shape import site_counts
from peftport.hosts.sites import Family
from peftport.techniques.base import Shape, SiteTuner, Specification, register, truncated_normal, zeros
from peftport.techniques.bottleneck import BottleneckConfig, BottleneckLayer, config_fields, sites_and_width
from peftport.techniques.output import ADDED, Output
from peftport.techniques.settings import AdaptersSettings

PREFIX = "houlsby_"
PARTS = ("down_weight", "down_bias", "up_weight", "up_bias")
KINDS = ("attention", "cross_attention", "feed_forward")
OUTPUT = Output(
    ADDED, lambda layer, adapter: [layer.parameter(f"{PREFIX}up_{part}", adapter) for part in ("weight", "bias")]
)


@dataclass
class AdaptersConfig(BottleneckConfig):
    """peft config of adapters."""

    PEFT_TYPE = "HOULSBY"
    init_std: float = 0.01
    share: str = "none"


def adapter_specification(config: AdaptersConfig, shape: Shape, prefix: str) -> Specification:
    """Names (``prefix`` in front), shapes and initialisers of one adapter."""
    model, width = shape["d_model"], config.width(shape["d_model"])
    weight = truncated_normal(config.init_std)
    fills = (((width, model), weight), ((width,), zeros), ((model, width), weight), ((model,), zeros))
    return {prefix + part: fill for part, fill in zip(PARTS, fills, strict=True)}


class AdaptersLayer(BottleneckLayer):
    """A site with an adapter behind it."""

    adapter_layer_names = tuple(PREFIX + part for part in PARTS)

    @staticmethod
    def specification(config: AdaptersConfig, shape: Shape) -> Specification:
        return adapter_specification(config, shape, PREFIX) if config.share == "none" else {}

    def parameter(self, name: str, adapter: str) -> nn.Parameter:
        if self.configs[adapter].share == "layers":
            name = name.replace(PREFIX, f"{PREFIX}{self.kind}_")
        return super().parameter(name, adapter)

    def down(self, hidden: Tensor, adapter: str) -> Tensor:
        weight, bias = (self.parameter(f"houlsby_down_{part}", adapter) for part in ("weight", "bias"))
        return nn.functional.linear(hidden, weight, bias)

    def up(self, hidden: Tensor, adapter: str) -> Tensor:
        weight, bias = (self.parameter(f"houlsby_up_{part}", adapter) for part in ("weight", "bias"))
        return nn.functional.linear(hidden, weight, bias)


class AdaptersTuner(SiteTuner):
    """peft tuner of adapters; it holds those that all sites of a kind share."""

    prefix = PREFIX
    tuner_layer_cls = AdaptersLayer
    shared_names = tuple(f"{PREFIX}{kind}_{part}" for kind in KINDS for part in PARTS)

    def shared_specification(self, config: AdaptersConfig, shape: Shape) -> Specification:
        shared: Specification = {}
        for kind in config.sites if config.share == "layers" else []:
            shared |= adapter_specification(config, shape, f"{PREFIX}{kind}_")
        return shared

    def site_kind(self, config: AdaptersConfig, name: str) -> str:
        return family(self.model.config.model_type).kind(name, config.sites)


def peft_config(settings: AdaptersSettings, family: Family) -> AdaptersConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such sites, or the non-linearity or the sharing is unknown.
    """
    return AdaptersConfig(**config_fields(settings, family), init_std=settings.init_std, share=settings.share)


def site_kinds(settings: AdaptersSettings, family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return list(settings.sites)


def expected_sites(settings: AdaptersSettings, shape: Shape) -> int:
    """Number of sites wrapped in a host of this shape."""
    return sites_and_width(settings, shape)[0]


def parameter_count(settings: AdaptersSettings, shape: Shape) -> int:
    """Exact number of trainable parameters."""
    sites, width = sites_and_width(settings, shape)
    if settings.share == "layers":
        counts = site_counts(shape)
        sites = sum(counts[kind] > 0 for kind in settings.sites)
    return sites * (2 * shape["d_model"] * width + width + shape["d_model"])


register(AdaptersConfig, AdaptersTuner)
