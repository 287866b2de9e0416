"""The modules of several members, stacked in one host; ``techniques.stacked_ops`` is what their layers compute."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn

from peftport.injection.attach import load_tensors
from peftport.techniques.base import SiteTuner
from peftport.techniques.stacked_ops import Shared
from peftport.techniques.table import method_of_type


def has_dropout(model: PeftModel) -> bool:
    """Whether the module's own dropout hides a part of it in training."""
    return any(value for name, value in vars(model.active_peft_config).items() if "dropout" in name)


def can_share(model: PeftModel) -> bool:
    """Whether several modules of this technique can be in one host at once.

    They cannot where peft's layers were not taught to (the technique has no ``share``), and not with dropout: what it
    hides would depend on the company.
    """
    return not has_dropout(model) and _replacements(model) is not None


class Stack:
    """The modules of several members, stacked in place of the one module of ``model``.

    Args:
        model: the host with a trainable module; its parameters are replaced until ``release``.
        states: the tensors of each member's module (``attach.module_tensors``).

    Attributes:
        rows: every parameter of every member, (members, parameters of a module); the one tensor to train.

    Raises:
        ValueError: the tensors of a member do not fit, or the technique cannot share a host.
    """

    def __init__(self, model: PeftModel, states: Sequence[Mapping[str, np.ndarray]]) -> None:
        if not can_share(model):
            raise ValueError(f"modules of {model.active_peft_config.peft_type} cannot share a host")
        self.model, self.places = model, _places(model)
        self.plain = list(self.places)
        rows = []
        for state in states:
            load_tensors(model, state)
            rows.append(torch.cat([parameter.detach().flatten() for parameter in self.plain]))
        self.rows = nn.Parameter(torch.stack(rows))
        self.replaced = _replacements(model) or []
        for part, name, function in self.replaced:
            setattr(part, name, function)
        self.spread()

    def spread(self) -> None:
        """Put the members' parameters, as parts of ``rows``, where the module's own were: before every pass that is
        to reach ``rows`` with its gradients.
        """
        parts = self.rows.split([parameter.numel() for parameter in self.plain], 1)
        self._put([part.unflatten(1, plain.shape) for part, plain in zip(parts, self.plain, strict=True)])

    @contextlib.contextmanager
    def only(self, place: int) -> Iterator[PeftModel]:
        """The host with the module of one member, as if it were alone."""
        own = self.rows.detach()[place].split([parameter.numel() for parameter in self.plain])
        self._put([nn.Parameter(part.view_as(plain)) for part, plain in zip(own, self.plain, strict=True)])
        try:
            yield self.model
        finally:
            self.spread()

    def release(self) -> None:
        """Give the host back with the one plain module that it had, of the last member's start."""
        self._put(self.plain)
        for part, name, _ in self.replaced:
            delattr(part, name)

    def _put(self, parameters: Sequence[Tensor]) -> None:
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


def _replacements(model: PeftModel) -> list[Shared] | None:
    """What parts of the model must do instead: nothing where the layers are ours; None where nobody taught them."""
    if isinstance(model.base_model, SiteTuner):
        return []
    kind = model.active_peft_config.peft_type
    share = getattr(method_of_type(str(getattr(kind, "value", kind))), "share", None)
    return None if share is None else share(model)
