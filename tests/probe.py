"""Probes that find out on a host how a module's output joins the host's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor
from torch.utils._pytree import tree_leaves

Output = list[Tensor]


def integration(model: PeftModel, inputs: dict[str, Tensor]) -> set[str]:
    """How the module joins the host, at every site: values of the property ``integration_form``.

    * concatenation: there are more keys to attend to (or more embedded inputs) than without the module;
    * direct_addition: with all tensors of the module zero, the site's output is the host's own;
    * scaled_addition: the same, and doubling the site's scale doubles what is added;
    * rescaling: with all tensors zero, the site's output no longer depends on its input.

    Args:
        model: a host with ``eager`` attention and a module whose tensors are away from zero.
    """
    if model.active_peft_config.is_prompt_learning:
        found, bare = (longest_keys(one, inputs) for one in (model, model.get_base_model()))
        return {"concatenation"} if found > bare else set()
    with torch.no_grad():
        return {_at(layer, args, kwargs) for layer, args, kwargs in _calls(model, inputs)}


def longest_keys(model: torch.nn.Module, inputs: dict[str, Tensor]) -> int:
    """Number of keys that the host's first attention sees."""
    found = model(**inputs, output_attentions=True, use_cache=False)
    maps = next(part for part in (found.get("encoder_attentions"), found.get("attentions")) if part)
    return maps[0].shape[-1]


def _calls(model: PeftModel, inputs: dict[str, Tensor]) -> Iterator[tuple[BaseTunerLayer, tuple, dict[str, Any]]]:
    """Every site of the module, with what it is called with in one forward pass."""
    calls = []
    hooks = [
        layer.register_forward_pre_hook(lambda *call: calls.append(call), with_kwargs=True)
        for layer in model.modules()
        if isinstance(layer, BaseTunerLayer)
    ]
    model(**inputs, use_cache=False)
    for hook in hooks:
        hook.remove()
    yield from calls


def _at(layer: BaseTunerLayer, args: tuple, kwargs: dict[str, Any]) -> str:
    """How the module joins the host at one site."""

    def output(*given: Any) -> Output:
        return [part for part in tree_leaves(layer(*(given or args), **kwargs)) if isinstance(part, Tensor)]

    with _host_alone(layer):
        bare = output()
    moved = output()
    if any(new.shape[-1] > old.shape[-1] for new, old in zip(moved, bare, strict=True)):
        return "concatenation"
    with _zeroed(layer):
        shut, other = output(), _other_input(layer, args, kwargs)
    if all(torch.equal(one, two) for one, two in zip(shut, other, strict=True)):
        return "rescaling"
    if not all(torch.allclose(one, two, atol=1e-6) for one, two in zip(shut, bare, strict=True)):
        return "nothing known"
    scale = getattr(layer, "scaling", None)
    if not scale:
        return "direct_addition"
    before = dict(scale)
    scale.update({name: 2 * value for name, value in before.items()})
    doubled = output()
    scale.update(before)
    grows = torch.allclose(doubled[0] - bare[0], 2 * (moved[0] - bare[0]), atol=1e-4, rtol=1e-3)
    return "scaled_addition" if grows else "nothing known"


def _other_input(layer: BaseTunerLayer, args: tuple, kwargs: dict[str, Any]) -> Output:
    """The site's output for other hidden states."""

    def changed(part: Any) -> Any:
        return part.flip(-1) + 1 if isinstance(part, Tensor) and part.is_floating_point() else part

    first, *rest = args or (kwargs["hidden_states"],)
    call = (changed(first), *rest) if args else ()
    more = kwargs if args else kwargs | {"hidden_states": changed(first)}
    return [part for part in tree_leaves(layer(*call, **more)) if isinstance(part, Tensor)]


@contextmanager
def _zeroed(layer: BaseTunerLayer) -> Iterator[None]:
    """All tensors of the module zero, those that sites share included."""
    shared = [one for held in getattr(layer, "_shared", ()) for one in held.values()]
    own = [p for name in layer.adapter_layer_names for p in getattr(layer, name).parameters()]
    tensors = [*own, *(parameter for held in shared for parameter in held.parameters())]
    before = [tensor.clone() for tensor in tensors]
    for tensor in tensors:
        tensor.zero_()
    yield
    for tensor, value in zip(tensors, before, strict=True):
        tensor.copy_(value)


@contextmanager
def _host_alone(layer: BaseTunerLayer) -> Iterator[None]:
    layer.enable_adapters(False)
    yield
    layer.enable_adapters(True)
