"""Attention to which a module may add keys and values.

transformers leaves a mask out when all its entries are true, and where it is causal. Where a prefix stands in front of
the keys, the mask must be there. So these implementations (one over each that a host may have) always make it. Without
a prefix an attention module computes what the host's own implementation computes with a mask.
"""

import sys
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAMES = {"eager": "peftport_prefix_eager", "sdpa": "peftport_prefix_sdpa"}


class _Mask:
    """transformers' mask function, told to leave no mask out."""

    def __init__(self, plain: str) -> None:
        self.inner = ALL_MASK_ATTENTION_FUNCTIONS[plain]

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.inner(*args, **(kwargs | {"allow_is_causal_skip": False, "allow_is_bidirectional_skip": False}))


class _Attention:
    """The host's attention function; keys and values begin with the module's prefix, if there is one."""

    def __init__(self, plain: str) -> None:
        self.plain = plain

    def __call__(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **kwargs: Any
    ) -> tuple[Tensor, Tensor | None]:
        eager = sys.modules[type(module).__module__].eager_attention_forward
        inner = ALL_ATTENTION_FUNCTIONS.get_interface(self.plain, eager)
        prefix = getattr(module, "peftport_prefix", None)
        if prefix is not None:
            # here the cache is up to date already, so cached keys, positions and generation stay the host's own
            key, value = (_in_front(part, states) for part, states in zip(prefix, (key, value), strict=True))
            length = prefix[0].shape[-2]
            attention_mask = _visible(attention_mask, length)
            if kwargs.get("position_bias") is not None:  # T5: a prefix has no position, so no bias
                kwargs["position_bias"] = nn.functional.pad(kwargs["position_bias"], (length, 0))
            if inner is not eager:
                kwargs["is_causal"] = False
        return inner(module, query, key, value, attention_mask, **kwargs)


def _in_front(prefix: Tensor, states: Tensor) -> Tensor:
    """(heads, length, width) before (batch, heads, positions, width)."""
    return torch.cat([prefix.to(states.dtype).expand(len(states), *prefix.shape), states], dim=2)


def _visible(mask: Tensor | None, length: int) -> Tensor | None:
    """A mask (boolean, or added to the scores) under which every query also sees ``length`` prefix keys."""
    if mask is None:
        return None
    return nn.functional.pad(mask, (length, 0), value=True if mask.dtype == torch.bool else 0.0)


def use_prefix_attention(host: PreTrainedModel) -> None:
    """Switch a host to the implementation here that corresponds to its own; no change if it has it already.

    Raises:
        ValueError: the host uses an attention that is none of these.
    """
    current = host.config._attn_implementation
    if current in NAMES.values():
        return
    if current not in NAMES:
        raise ValueError(f"attention {current!r} cannot be extended; load the host with one of {', '.join(NAMES)}")
    AttentionInterface.register(NAMES[current], _Attention(current))
    AttentionMaskInterface.register(NAMES[current], _Mask(current))
    host.set_attn_implementation(NAMES[current])


def use_plain_attention(host: PreTrainedModel) -> None:
    """Undo ``use_prefix_attention``."""
    plain = {name: plain for plain, name in NAMES.items()}
    if host.config._attn_implementation in plain:
        host.set_attn_implementation(plain[host.config._attn_implementation])
