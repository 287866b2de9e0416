"""Write a module into the weights of its host for a while, and take it out again to the bit."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer


class NotMergeable(ValueError):
    """There is no module in a host that could be merged into its weights, and why."""


def mergeable(model: Any) -> bool:
    """Whether the module in ``model`` can become part of the host's weights.

    It cannot where there is none, where it is a prompt, or where what it adds at a site is no change of the site's own
    weights (adapters, for example).
    """
    layers = _layers(model)
    return bool(layers) and all(type(layer).merge is not BaseTunerLayer.merge for layer in layers)


@contextmanager
def merged(model: Any) -> Iterator[None]:
    """The module as part of the host's weights within the block, in the number type of these.

    peft's own way back computes, and rounds. So the weights that are changed are kept, and put back as they were.

    Raises:
        NotMergeable: the module is not ``mergeable``, or peft finds that it cannot be merged into this host.
    """
    if not mergeable(model):
        raise NotMergeable("there is no module in this host that could be merged into its weights")
    layers = _layers(model)
    kept = [
        [(parameter, parameter.detach().clone()) for parameter in layer.get_base_layer().parameters()]
        for layer in layers
    ]
    done = 0
    try:
        with torch.no_grad():
            for layer in layers:
                _merge(layer)
                done += 1
        yield
    finally:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the way back is inaccurate
            for layer in layers[:done]:
                layer.unmerge()
            for parameter, tensor in (pair for pairs in kept for pair in pairs):
                parameter.data = tensor


def _merge(layer: BaseTunerLayer) -> None:
    try:
        layer.merge()
    except (ValueError, NotImplementedError) as error:
        raise NotMergeable(f"the module cannot be merged into this host: {error}") from error


def _layers(model: Any) -> list[BaseTunerLayer]:
    """The module's layers; of two that wrap one projection the inner one first, whose output the outer one reads."""
    if not hasattr(model, "modules"):  # a host in name only
        return []
    return [part for part in model.modules() if isinstance(part, BaseTunerLayer)][::-1]
