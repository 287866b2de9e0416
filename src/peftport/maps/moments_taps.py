"""Where in a loaded host the token states of a space are seen: which submodule, its input or its output."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from peftport.hosts.sites import PROJECTIONS
from peftport.hosts.stream import Sublayer
from peftport.maps.pair import End
from peftport.maps.spaces import READS, STREAM, WRITES, Place, template_of, width


@dataclass(frozen=True)
class Tap:
    """One place in a host.

    Attributes:
        module: the submodule.
        entering: whether its input is the state, or its output.
        state: from that to the state of the space, in float64; shapes (texts, positions, size).
    """

    module: nn.Module
    entering: bool
    state: Callable[[Tensor], Tensor]

    def listen(self, hear: Callable[[Tensor], None]) -> Any:
        """Give every state to ``hear``; what comes back has a ``remove``."""

        def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Tensor]) -> None:
            hear(self.state((args or tuple(kwargs.values()))[0].detach()))

        def behind(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            hear(self.state((output[0] if isinstance(output, tuple) else output).detach()))

        if self.entering:
            return self.module.register_forward_pre_hook(before, with_kwargs=True)
        return self.module.register_forward_hook(behind)


def tap(end: End, model: PreTrainedModel, name: str, place: Place) -> Tap:
    """Where a host has the states of a space of one of its sub-layers.

    Args:
        name: of ``peftport.maps.spaces``, ``<kind>.in`` or ``<kind>.out`` of a projection, or ``STREAM``. ``read`` and
            ``memory`` are the stream behind the norm without its scale and shift.

    Raises:
        KeyError: the host has no such space.
    """
    part = next(s for s in end.family.stream.sublayers if (s.stack, s.name) == (place.stack, place.sublayer))
    kind, _, side = name.partition(".")
    if side:
        return Tap(_projection(end, model, kind, place), side == "in", Tensor.double)
    if name in ("read", "memory", STREAM):
        return _of_stream(end, model, part, place, name)
    if name == "write":
        return Tap(_projection(end, model, _first(end, place, WRITES, "write"), place), False, Tensor.double)
    if name in ("mix", "units"):
        return Tap(_projection(end, model, _first(end, place, READS, name), place), True, Tensor.double)
    kind = _first(end, place, WRITES, name)
    sizes = {space: width(space, end.card["shape"]) for space in WRITES[kind]}
    begin = sum(list(sizes.values())[: list(sizes).index(name)])
    return Tap(_projection(end, model, kind, place), False, lambda x: x[..., begin : begin + sizes[name]].double())


def _of_stream(end: End, model: PreTrainedModel, part: Sublayer, place: Place, name: str) -> Tap:
    norm = part.memory_norm if name == "memory" and part.memory_norm else part.norm
    if norm is None:
        reader = _first(end, place, READS, "memory" if name == "memory" else "read")
        return Tap(_projection(end, model, reader, place), True, Tensor.double)
    module = submodule(model, norm.format(layer=place.layer))
    if name == STREAM:
        return Tap(module, True, Tensor.double)
    return Tap(module, True, _standardised if end.family.stream.centred else _scaled)


def _scaled(x: Tensor) -> Tensor:
    """RMSNorm without its scale."""
    x = x.double()
    return x / x.square().mean(-1, keepdim=True).sqrt().clamp_min(torch.finfo(x.dtype).tiny)


def _standardised(x: Tensor) -> Tensor:
    """LayerNorm without its scale and shift."""
    x = x.double()
    return _scaled(x - x.mean(-1, keepdim=True))


def _first(end: End, place: Place, table: Mapping[str, str | tuple[str, ...]], space: str) -> str:
    """The first projection of a sub-layer that reads, or writes, a space."""
    for kind in PROJECTIONS:
        taken = table[kind] if isinstance(table[kind], tuple) else (table[kind],)
        if space in taken and end.stored(place, kind):
            return kind
    raise KeyError(f"{space} at {place}")


def _projection(end: End, model: PreTrainedModel, kind: str, place: Place) -> nn.Module:
    template = template_of(end.family, kind, place.stack, place.sublayer)
    if template is None:
        raise KeyError(f"{kind} at {place}")
    return submodule(model, template.format(layer=place.layer))


def submodule(model: PreTrainedModel, name: str) -> nn.Module:
    """A submodule by its name in the family's sites, which lacks the prefix of a model with a head."""
    for prefix in ("", f"{model.base_model_prefix}."):
        try:
            return model.get_submodule(prefix + name)
        except AttributeError:
            continue
    raise KeyError(f"{type(model).__name__} has no {name}")
