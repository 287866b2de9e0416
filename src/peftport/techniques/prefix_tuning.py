"""Prefix tuning: Li and Liang, *Prefix-Tuning: Optimizing Continuous Prompts for Generation*, ACL 2021
(arXiv 2101.00190).

Formula: attention over ``[P_k; K]`` and ``[P_v; V]``, with ``P_k`` and ``P_v`` of (length, d_kv_inner) per attention,
d_kv_inner = key-value heads * head width, one prefix for all examples. With a reparameterisation of width w the
attentions of one kind (encoder self, decoder self, cross) share ``z = tanh(E W + b)``, E (length, d_model), and each
has ``P_k = z U_k + c_k`` and ``P_v = z U_v + c_v``; without one, ``P_k`` and ``P_v`` are trained as they are.
E starts from N(0, 1), every other weight from N(0, init_std), biases from zero.

Parameters, per attention: 2 length d_kv_inner; or, reparameterised, 2 d_kv_inner (w + 1), plus per kind
length d_model + w d_model + w.

Where we differ: the paper throws the reparameterisation away after training, and so does peft on saving; here it is
kept, so that a moved module can be trained further in the same coordinates (``PrefixLayer.keys_and_values`` gives the
effective prefix). peft 0.21 on T5 reaches the decoder's self-attention only, leaves half of its parameters dead and
ties layers i and i + L/2; here every attention of the host has its own. The prefix has no position, so T5's relative
position bias does not apply to it and other positions do not shift.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from peftport.hosts.families.table import family
from peftport.hosts.shape import attention_width, site_counts
from peftport.hosts.sites import Family
from peftport.techniques.base import Shape, SiteConfig, SiteLayer, SiteTuner, Specification, normal, register, zeros
from peftport.techniques.output import ADDED, Output
from peftport.techniques.prefix_attention import use_plain_attention, use_prefix_attention
from peftport.techniques.settings import PrefixTuningSettings

KINDS = ("encoder_self", "decoder_self", "cross")


@dataclass
class PrefixConfig(SiteConfig):
    """peft config of prefix tuning."""

    PEFT_TYPE = "FULL_PREFIX"
    attentions: list[str] = field(default_factory=lambda: list(KINDS))
    length: int = 30
    reparameterisation: int | None = 512
    init_std: float = 0.02


class PrefixLayer(SiteLayer):
    """An attention module that sees a prefix."""

    adapter_layer_names = (
        "prefix_tuning_key",
        "prefix_tuning_value",
        "prefix_tuning_key_bias",
        "prefix_tuning_value_bias",
    )

    def update_layer(self, adapter: str, config: PrefixConfig, shape: Shape, device: torch.device) -> None:
        self.heads = shape["key_value_heads"]
        super().update_layer(adapter, config, shape, device)

    @staticmethod
    def specification(config: PrefixConfig, shape: Shape) -> Specification:
        width, rows = attention_width(shape), config.reparameterisation or config.length
        weights = {f"prefix_tuning_{part}": ((rows, width), normal(config.init_std)) for part in ("key", "value")}
        if config.reparameterisation is None:
            return weights
        return weights | {f"prefix_tuning_{part}_bias": ((width,), zeros) for part in ("key", "value")}

    def keys_and_values(self, adapter: str) -> tuple[Tensor, Tensor]:
        """The effective prefix: keys and values, (length, d_kv_inner) each."""
        key, value = (self.parameter(f"prefix_tuning_{part}", adapter) for part in ("key", "value"))
        if self.configs[adapter].reparameterisation is None:
            return key, value
        embedding, weight, bias = (
            self.parameter(f"prefix_tuning_{self.kind}_{part}", adapter) for part in ("embedding", "weight", "bias")
        )
        inner = torch.tanh(nn.functional.linear(embedding, weight, bias))
        key = nn.functional.linear(inner, key.mT, self.parameter("prefix_tuning_key_bias", adapter))
        return key, nn.functional.linear(inner, value.mT, self.parameter("prefix_tuning_value_bias", adapter))

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        live = self.live()
        if not live:
            return self.base_layer(*args, **kwargs)
        keys, values = zip(*(self.keys_and_values(adapter) for adapter in live), strict=True)
        self.base_layer.peftport_prefix = (self._by_head(keys), self._by_head(values))
        try:
            return self.base_layer(*args, **kwargs)
        finally:
            self.base_layer.peftport_prefix = None

    def _by_head(self, prefixes: tuple[Tensor, ...]) -> Tensor:
        return torch.cat(prefixes, -2).unflatten(-1, (self.heads, -1)).transpose(-3, -2)


class PrefixTuner(SiteTuner):
    """peft tuner of prefix tuning; it holds the reparameterisation that a kind of attention shares."""

    prefix = "prefix_tuning_"
    tuner_layer_cls = PrefixLayer
    uses_shared_state = True
    shared_names = tuple(f"prefix_tuning_{kind}_{part}" for kind in KINDS for part in ("embedding", "weight", "bias"))

    def shared_specification(self, config: PrefixConfig, shape: Shape) -> Specification:
        width, model = config.reparameterisation, shape["d_model"]
        if width is None:
            return {}
        specification: Specification = {}
        for kind in config.attentions:
            specification[f"prefix_tuning_{kind}_embedding"] = ((config.length, model), normal(1.0))
            specification[f"prefix_tuning_{kind}_weight"] = ((width, model), normal(config.init_std))
            specification[f"prefix_tuning_{kind}_bias"] = ((width,), zeros)
        return specification

    def site_kind(self, config: PrefixConfig, name: str) -> str:
        return family(self.model.config.model_type).kind(name, config.attentions)

    def _prepare_model(self, peft_config: PrefixConfig, model: nn.Module) -> None:
        use_prefix_attention(model)

    def unload(self) -> nn.Module:
        model = super().unload()
        use_plain_attention(model)
        return model


def peft_config(settings: PrefixTuningSettings, family: Family) -> PrefixConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: the family has no such attentions.
    """
    attentions = site_kinds(settings, family)
    fields = {key: getattr(settings, key) for key in ("length", "reparameterisation", "init_std")}
    return PrefixConfig(target_modules=family.pattern(attentions), attentions=attentions, **fields)


def site_kinds(settings: PrefixTuningSettings, family: Family) -> list[str]:
    """The kinds of sites wrapped; ``attentions: null`` stands for every attention that the family has.

    Where it has none that takes a prefix, these are the ones that it lacks, which ``peft_config`` refuses.
    """
    if settings.attentions is None:
        return [kind for kind in KINDS if kind in family.sites] or [kind for kind in KINDS if kind in family.lacks]
    return list(settings.attentions)


def _counts(settings: PrefixTuningSettings, shape: Shape) -> list[int]:
    """Number of attentions of each kind that a host of this shape has and the settings ask for."""
    counts = site_counts(shape)
    return [counts[kind] for kind in settings.attentions or KINDS if counts[kind]]


def expected_sites(settings: PrefixTuningSettings, shape: Shape) -> int:
    """Number of attentions wrapped in a host of this shape."""
    return sum(_counts(settings, shape))


def parameter_count(settings: PrefixTuningSettings, shape: Shape) -> int:
    """Exact number of trainable parameters."""
    sites, inner = expected_sites(settings, shape), attention_width(shape)
    length, width, model = settings.length, settings.reparameterisation, shape["d_model"]
    if width is None:
        return sites * 2 * length * inner
    kinds = len(_counts(settings, shape))
    return sites * 2 * inner * (width + 1) + kinds * (length * model + width * model + width)


def _values(layer: PrefixLayer, adapter: str) -> list[nn.Parameter]:
    parts = ("value",) if layer.configs[adapter].reparameterisation is None else ("value", "value_bias")
    return [layer.parameter(f"prefix_tuning_{part}", adapter) for part in parts]


OUTPUT = Output(ADDED, _values)
register(PrefixConfig, PrefixTuner)
