"""Which tensors of a module are used where: one forward pass, looked at site by site."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from peftport.hosts.families.table import family
from peftport.injection.attach import trainable_parameters

INPUT = "input"  # the place of a prompt
WORKSPACE = {
    "attention": (
        *("attention", "cross_attention", "attention_block", "encoder_self", "decoder_self", "cross"),
        *("q", "k", "v", "qkv", "o"),
    ),
    "feed_forward": ("feed_forward", "wi", "wi_0", "wi_1", "wi_01", "wo"),
    "layer_norm": ("attention_norm", "cross_attention_norm", "feed_forward_norm", "final_norm", "norm"),
}


def uses(model: PeftModel, batch: dict[str, Tensor]) -> dict[str, set[str]]:
    """Site to the names of the trainable tensors that its output depends on by itself.

    What enters and what leaves a site is cut off from what made it, so a tensor counts only where it is used, and not
    at a site of another part around it. Names are those in the host alone.

    Args:
        model: a host with a trainable module.
        batch: arguments of its forward pass, labels included.
    """
    parameters = trainable_parameters(model)
    if model.active_peft_config.is_prompt_learning:
        return {INPUT: set(parameters)}
    uses: dict[str, set[str]] = {}

    def cut(layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        return tree_map(_detached, args), {name: tree_map(_detached, value) for name, value in kwargs.items()}

    def note(name: str, output: Any) -> Any:
        outputs = [part for part in tree_leaves(output) if isinstance(part, Tensor) and part.requires_grad]
        if outputs:
            total = sum(part.float().sum() for part in outputs)
            grads = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
            used = {parameter for parameter, grad in zip(parameters, grads, strict=True) if grad is not None}
            uses[name] = uses.get(name, set()) | used
        return tree_map(_detached, output)

    hooks = []
    for name, layer in model.named_modules():
        if isinstance(layer, BaseTunerLayer):
            site = name.replace(".base_layer", "")
            hooks.append(layer.register_forward_pre_hook(cut, with_kwargs=True))
            hooks.append(layer.register_forward_hook(lambda _, __, output, name=site: note(name, output)))
    try:
        model(**batch, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: used for name, used in uses.items() if used}


def _detached(part: Any) -> Any:
    return part.detach() if isinstance(part, Tensor) else part


def shared(sites: dict[str, set[str]]) -> set[str]:
    """Tensors that are used at several sites."""
    names = set().union(*sites.values())
    return {name for name in names if sum(name in used for used in sites.values()) > 1}


def workspace(sites: dict[str, set[str]], model_type: str, kinds: Sequence[str]) -> list[str]:
    """Parts of the host that these sites belong to, in the order of the typology's vocabulary.

    Args:
        kinds: of the sites that the technique wraps; a submodule may be a site of several kinds (in Gemma the norm that
            ends a sub-layer).

    Raises:
        ValueError: a site is none of these kinds.
    """
    known = family(model_type)
    touched = {part_of(known.kind(site, kinds)) if site != INPUT else "embedding" for site in sites}
    return [part for part in ("embedding", *WORKSPACE) if part in touched]


def part_of(kind: str) -> str:
    """The part of the host that a kind of site belongs to.

    Raises:
        ValueError: no such kind.
    """
    for part, kinds in WORKSPACE.items():
        if kind in kinds:
            return part
    raise ValueError(f"no part of the host has sites of the kind {kind!r}; add it to WORKSPACE")
