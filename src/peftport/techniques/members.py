"""The modules of several members, stacked in one host; ``peftport.techniques.rows`` is what their layers compute."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType

import numpy as np
import torch
from peft import PeftModel
from torch import nn

from peftport.techniques.attach import load_tensors
from peftport.techniques.base import SiteTuner
from peftport.techniques.table import method_of_type


def can_share(model: PeftModel) -> bool:
    """Whether several modules of this technique can be in one host at once.

    They cannot where peft's layers were not taught to (the technique has no ``share``), and not with dropout: what it
    hides would depend on the company.
    """
    config = model.active_peft_config
    hidden = any(getattr(config, name, 0) for name in ("dropout", "lora_dropout"))
    return not hidden and (isinstance(model.base_model, SiteTuner) or hasattr(_technique(model), "share"))


class Stack:
    """The modules of several members, stacked in place of the one module of ``model``.

    Args:
        model: the host with a trainable module; its parameters are replaced until ``release``.
        states: the tensors of each member's module (``attach.module_tensors``); at least two.

    Raises:
        ValueError: the tensors of a member do not fit, or the technique cannot share a host.
    """

    def __init__(self, model: PeftModel, states: Sequence[Mapping[str, np.ndarray]]) -> None:
        if not can_share(model):
            raise ValueError(f"modules of {model.active_peft_config.peft_type} cannot share a host")
        self.model, self.places = model, _places(model)
        self.plain = list(self.places)
        copies = []
        for state in states:
            load_tensors(model, state)
            copies.append([parameter.detach().clone() for parameter in self.plain])
        self.parameters = [nn.Parameter(torch.stack(tensors)) for tensors in zip(*copies, strict=True)]
        share = getattr(_technique(model), "share", None)
        self.replaced = share(model) if share else []
        for part, name, function in self.replaced:
            setattr(part, name, function)
        self._put(self.parameters)

    @contextlib.contextmanager
    def only(self, place: int) -> Iterator[PeftModel]:
        """The host with the module of one member, as if it were alone; its tensors are the stack's own."""
        self._put([nn.Parameter(stacked.detach()[place]) for stacked in self.parameters])
        try:
            yield self.model
        finally:
            self._put(self.parameters)

    def release(self) -> None:
        """Give the host back with the one plain module that it had, of the last member's start."""
        self._put(self.plain)
        for part, name, _ in self.replaced:
            delattr(part, name)

    def _put(self, parameters: list[nn.Parameter]) -> None:
        for plain, parameter in zip(self.plain, parameters, strict=True):
            for module, name in self.places[plain]:
                module._parameters[name] = parameter


def _places(model: nn.Module) -> dict[nn.Parameter, list[tuple[nn.Module, str]]]:
    """Where each trainable parameter hangs; in several places if they share it."""
    places: dict[nn.Parameter, list[tuple[nn.Module, str]]] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter.requires_grad:
                places.setdefault(parameter, []).append((module, name))
    return places


def _technique(model: PeftModel) -> ModuleType:
    kind = model.active_peft_config.peft_type
    return method_of_type(str(getattr(kind, "value", kind)))
