"""Attention for short texts and narrow heads on a CPU, where torch's fused kernel takes up to twice the time.

The scores of a text of 25 tokens are a small matrix: two batched products and a softmax over it cost less than the
kernel that never keeps it. Wherever that does not pay, and without a mask, it is transformers' ``sdpa`` to the bit;
the results differ in the order of additions.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

NAME = "peftport_short"
# beyond these ``benchmarks/kernels.py`` shows little gain or none; without gradients wider heads were slower
MOST_KEYS, WIDEST_HEAD = 64, 32


def short_attention_forward(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
) -> tuple[Tensor, None]:
    """As ``sdpa_attention_forward`` of transformers.

    Args:
        query, key, value: (batch, heads, positions, width).
        attention_mask: boolean (true is seen) or added to the scores, for broadcasting to (batch, heads, queries,
            keys).
        kwargs: ``scaling``, ``position_bias`` (T5), ``dropout`` and what else transformers passes.

    Returns:
        (batch, positions, heads, width), and no weights.
    """
    if attention_mask is None or not _pays(query, key) or kwargs.get("dropout"):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    scaling, bias = kwargs.get("scaling"), kwargs.get("position_bias")
    added = _added(attention_mask[..., : key.shape[2]], query.new_zeros(()) if bias is None else bias)
    scores = torch.baddbmm(
        added.expand(*query.shape[:3], key.shape[2]).flatten(0, 1),
        query.flatten(0, 1),
        key.flatten(0, 1).mT,
        alpha=query.shape[-1] ** -0.5 if scaling is None else scaling,
    )
    mixed = torch.bmm(scores.softmax(-1), value.flatten(0, 1))
    return mixed.view(*query.shape).transpose(1, 2), None


def _pays(query: Tensor, key: Tensor) -> bool:
    """Short, narrow, on a CPU; keys shared by several heads are left to transformers."""
    plain = query.is_cpu and query.dtype == torch.float32 and query.shape[1] == key.shape[1]
    return plain and key.shape[2] <= MOST_KEYS and key.shape[3] <= WIDEST_HEAD


def _added(mask: Tensor, bias: Tensor) -> Tensor:
    """What is added to the scores: the bias, and what hides."""
    return torch.where(mask, bias, torch.finfo(bias.dtype).min) if mask.dtype == torch.bool else mask + bias


def use_short_attention(host: PreTrainedModel) -> None:
    """Switch a host from ``sdpa`` to the attention here; no change if it uses another."""
    if host.config._attn_implementation == "sdpa":
        AttentionInterface.register(NAME, short_attention_forward)
        AttentionMaskInterface.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
        host.set_attn_implementation(NAME)
