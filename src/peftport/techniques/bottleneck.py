"""What adapters and compacters share: a bottleneck behind the output of a sub-layer.

``h <- h + up(f(down(h)))`` with ``h`` the sub-layer's output, ``down`` to the bottleneck's width and ``up`` back; the
host adds its residual (and layer norm) afterwards. Only ``down`` and ``up`` differ between the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from transformers.activations import ACT2FN

from peftport.hosts.shape import site_counts
from peftport.hosts.sites import Family
from peftport.techniques.base import SiteConfig, SiteLayer
from peftport.techniques.settings import AdaptersSettings, CompacterSettings


@dataclass
class BottleneckConfig(SiteConfig):
    """Settings of a bottleneck; ``bottleneck`` (a width) wins over ``reduction_factor`` (d_model over the width)."""

    sites: list[str] = field(default_factory=lambda: ["attention", "feed_forward"])
    bottleneck: int | None = None
    reduction_factor: int = 16
    non_linearity: str = "gelu"

    def width(self, d_model: int) -> int:
        """Width of the bottleneck in a host of this width."""
        return bottleneck_width(self.bottleneck, self.reduction_factor, d_model)


class BottleneckLayer(SiteLayer):
    """A site with a bottleneck behind it: (batch, length, d_model) in and out."""

    def down(self, hidden: Tensor, adapter: str) -> Tensor:
        """To the width of the bottleneck."""
        raise NotImplementedError

    def up(self, hidden: Tensor, adapter: str) -> Tensor:
        """Back to the width of the host."""
        raise NotImplementedError

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        hidden = self.base_layer(*args, **kwargs)
        for adapter in self.live():
            own_type = self.parameter(self.adapter_layer_names[0], adapter).dtype
            inner = ACT2FN[self.configs[adapter].non_linearity](self.down(hidden.to(own_type), adapter))
            hidden = hidden + self.up(inner, adapter).to(hidden.dtype)
        return hidden


def bottleneck_width(bottleneck: int | None, reduction_factor: int, d_model: int) -> int:
    """``bottleneck`` if it is given, else ``d_model // reduction_factor``, and at least 1."""
    return bottleneck or max(d_model // reduction_factor, 1)


def config_fields(settings: AdaptersSettings | CompacterSettings, family: Family) -> dict[str, Any]:
    """The fields of a ``BottleneckConfig`` for these settings and hosts of this family.

    Raises:
        ValueError: the family has no such sites, or the non-linearity is unknown.
    """
    if settings.non_linearity not in ACT2FN:
        raise ValueError(f"unknown non_linearity {settings.non_linearity!r}; known: {', '.join(ACT2FN)}")
    keys = ("bottleneck", "reduction_factor", "non_linearity")
    sites = list(settings.sites)
    return {"target_modules": family.pattern(sites), "sites": sites} | {key: getattr(settings, key) for key in keys}


def sites_and_width(settings: AdaptersSettings | CompacterSettings, shape: Mapping[str, int]) -> tuple[int, int]:
    """Number of sites used, and the width of each bottleneck."""
    counts = site_counts(shape)
    width = bottleneck_width(settings.bottleneck, settings.reduction_factor, shape["d_model"])
    return sum(counts[kind] for kind in settings.sites), width
