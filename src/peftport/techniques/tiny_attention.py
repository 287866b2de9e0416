"""Tiny-Attention adapters: Zhao, Tan and Mei, *Tiny-Attention Adapter: Contexts Are More Important Than the Number of
Parameters*, EMNLP 2022 (arXiv 2211.01979), laid out as in the authors' code (cindermond/tiny-attn, structure m0).

Formula: ``h <- h + W_out MHA(W_in LayerNorm(h))`` with ``h`` of (batch, length, d) the output of the self-attention
sub-layer, its residual (and, where the host has it there, layer norm) included; ``W_in`` (3 e, d) gives queries, keys
and values of width e, MHA has its own (3 e, e) and (e, e) projections; all have biases. The attention sees what the
host's self-attention sees. ``W_out`` (d, e) starts 100 times smaller than torch's default.

Parameters, per site: 2 d + 3 e d + 3 e + 3 e^2 + 3 e + e^2 + e + d e + d.

Where we differ: a site behind every self-attention of T5 (the authors' code for encoder-decoders puts it between
blocks); heads are not averaged for deployment. Some biases (of the MHA's keys) have a zero gradient by the
mathematics of softmax; they are kept, so that the module is the authors'. Generation runs without a cache, since the
tiny attention would need one of its own. Hosts: those with a submodule that ends with the self-attention's residual
sum (T5, BERT and others of their layouts).
"""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import EncoderDecoderCache

from peftport.hosts.shape import site_counts
from peftport.hosts.sites import Family
from peftport.techniques.base import Shape, SiteConfig, SiteLayer, SiteTuner, Specification, register, uniform, zeros
from peftport.techniques.output import ADDED, Output
from peftport.techniques.settings import TinyAttentionSettings

PARTS = (
    "norm_weight",
    "norm_bias",
    "in_weight",
    "in_bias",
    "heads_weight",
    "heads_bias",
    "mix_weight",
    "mix_bias",
    "out_weight",
    "out_bias",
)
OUTPUT = Output(
    ADDED,
    lambda layer, adapter: [layer.parameter(f"tiny_attention_out_{part}", adapter) for part in ("weight", "bias")],
)


@dataclass
class TinyAttentionConfig(SiteConfig):
    """peft config of Tiny-Attention adapters."""

    PEFT_TYPE = "TINY_ATTENTION"
    width: int = 1
    heads: int = 1
    dropout: float = 0.1
    out_scale: float = 0.01


class TinyAttentionLayer(SiteLayer):
    """A self-attention sub-layer with a tiny attention behind it."""

    adapter_layer_names = tuple(f"tiny_attention_{part}" for part in PARTS)

    @staticmethod
    def specification(config: TinyAttentionConfig, shape: Shape) -> Specification:
        model, width = shape["d_model"], config.width
        # torch's default for a Linear: uniform, bounded by the inverse root of its inputs
        inner, outer = uniform(model**-0.5), uniform(config.out_scale * width**-0.5)
        specification = {
            "norm_weight": ((model,), nn.init.ones_),
            "norm_bias": ((model,), zeros),
            "in_weight": ((3 * width, model), inner),
            "in_bias": ((3 * width,), inner),
            "heads_weight": ((3 * width, width), nn.init.xavier_uniform_),
            "heads_bias": ((3 * width,), zeros),
            "mix_weight": ((width, width), uniform(width**-0.5)),
            "mix_bias": ((width,), zeros),
            "out_weight": ((model, width), outer),
            "out_bias": ((model,), outer),
        }
        return {f"tiny_attention_{part}": entry for part, entry in specification.items()}

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        output = self.base_layer(*args, **kwargs)
        hidden = output[0]
        live = self.live()
        if not live:
            return output
        call = inspect.signature(self.base_layer.forward).bind_partial(*args, **kwargs).arguments
        self._refuse_cache(call.get("past_key_values"), hidden.shape[1])
        for adapter in live:
            own_type = self.parameter("tiny_attention_in_weight", adapter).dtype
            mask = self._mask(call.get("attention_mask"), hidden)
            hidden = hidden + self._attend(hidden.to(own_type), mask, adapter).to(hidden.dtype)
        return (hidden, *output[1:])

    @staticmethod
    def _refuse_cache(cache: Any, length: int) -> None:
        cache = cache.self_attention_cache if isinstance(cache, EncoderDecoderCache) else cache
        if cache is not None and cache.get_seq_length() > length:
            raise RuntimeError("tiny attention has no cache of its own: generate with use_cache=False")

    def _mask(self, mask: Tensor | None, hidden: Tensor) -> Tensor | None:
        """The host's mask; the causal one where the host left its own to the attention function.

        One of ones and zeros (DeBERTa's) says what is seen, as a boolean one does.
        """
        if mask is None and any(getattr(module, "is_causal", False) for module in self.base_layer.modules()):
            position = torch.arange(hidden.shape[1], device=hidden.device)
            return position[None, :] <= position[:, None]
        return mask if mask is None or mask.is_floating_point() else mask.bool()

    def _attend(self, hidden: Tensor, mask: Tensor | None, adapter: str) -> Tensor:
        config = self.configs[adapter]
        own = {part: self.parameter(f"tiny_attention_{part}", adapter) for part in PARTS}
        normed = nn.functional.layer_norm(hidden, hidden.shape[-1:], own["norm_weight"], own["norm_bias"])
        inner = nn.functional.linear(normed, own["in_weight"], own["in_bias"]).chunk(3, -1)
        weights, biases = own["heads_weight"].chunk(3, -2), own["heads_bias"].chunk(3, -1)
        query, key, value = (
            nn.functional.linear(part, weight, bias).unflatten(-1, (config.heads, -1)).transpose(1, 2)
            for part, weight, bias in zip(inner, weights, biases, strict=True)
        )
        scores = query @ key.transpose(-1, -2) * (config.width // config.heads) ** -0.5
        if mask is not None:
            lowest = torch.finfo(scores.dtype).min
            scores = scores.masked_fill(~mask, lowest) if mask.dtype == torch.bool else scores + mask
        shares = nn.functional.dropout(scores.softmax(-1), config.dropout, self.training)
        mixed = nn.functional.linear((shares @ value).transpose(1, 2).flatten(-2), own["mix_weight"], own["mix_bias"])
        return nn.functional.linear(mixed, own["out_weight"], own["out_bias"])


class TinyAttentionTuner(SiteTuner):
    """peft tuner of Tiny-Attention adapters; it turns the host's generation cache off."""

    prefix = "tiny_attention_"
    tuner_layer_cls = TinyAttentionLayer

    def _prepare_model(self, peft_config: TinyAttentionConfig, model: nn.Module) -> None:
        if hasattr(self, "_use_cache"):
            return
        self._use_cache = [(config, config.use_cache) for config in _configs(model)]
        for config, _ in self._use_cache:
            config.use_cache = False

    def unload(self) -> nn.Module:
        for config, use_cache in self._use_cache:
            config.use_cache = use_cache
        return super().unload()


def _configs(model: nn.Module) -> list[Any]:
    """The configs that decide about the cache."""
    found = [getattr(model, name, None) for name in ("config", "generation_config")]
    return [config for config in found if hasattr(config, "use_cache")]


def peft_config(settings: TinyAttentionSettings, family: Family) -> TinyAttentionConfig:
    """peft's config for these settings in hosts of this family.

    Raises:
        ValueError: hosts of this family have no such site, or the heads do not divide the width.
    """
    fields = {key: getattr(settings, key) for key in ("width", "heads", "dropout", "out_scale")}
    if fields["width"] % fields["heads"]:
        raise ValueError(f"heads {fields['heads']} must divide the width {fields['width']}")
    return TinyAttentionConfig(target_modules=family.pattern(site_kinds(settings, family)), **fields)


def site_kinds(settings: TinyAttentionSettings, family: Family) -> list[str]:
    """The kinds of sites wrapped."""
    return ["attention_block"]


def expected_sites(settings: TinyAttentionSettings, shape: Shape) -> int:
    """Number of sites wrapped in a host of this shape."""
    return site_counts(shape)["attention_block"]


def parameter_count(settings: TinyAttentionSettings, shape: Shape) -> int:
    """Exact number of trainable parameters."""
    model, width = shape["d_model"], settings.width
    per_site = 2 * model + 3 * width * (model + 1) + 3 * width * (width + 1) + width * (width + 1) + model * (width + 1)
    return expected_sites(settings, shape) * per_site


register(TinyAttentionConfig, TinyAttentionTuner)
