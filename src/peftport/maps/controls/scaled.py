"""The ported module made larger or smaller, and nothing else: whether its size or its direction is wrong.

A size is an initialisation of its own, so that each has its runs, curves and intervals beside ``ported``. None is
chosen by how it does on test examples.
"""

from dataclasses import replace

import numpy as np

from peftport.maps.laws.law import Law
from peftport.maps.laws.table import LAWS, law
from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject
from peftport.techniques.table import PEFT_TYPES


def refusal(settings: JsonObject) -> str | None:
    """Why modules of a technique with these settings cannot be scaled; None where they can."""
    method = settings["method"]
    if method not in LAWS or (entry := law(method)).neutral is None or not entry.adds:
        return "what its modules add to a host is not known to be linear in tensors of theirs"
    return "its sites share their tensors" if settings.get("share", "none") != "none" else None


def scaled(module: Module, factor: float) -> Module:
    """The module with what it adds to its host multiplied by a factor; a classification head stays as it is.

    Raises:
        ValueError: it has no tensor that what it adds is linear in.
    """
    peft_type = module.config.get("peft_type")
    entry = law(PEFT_TYPES.get(peft_type, str(peft_type)))
    tensors = {name: _multiplied(entry, name, tensor, factor) for name, tensor in sorted(module.tensors.items())}
    if not any(_adds(entry, name) for name in tensors):
        raise ValueError(f"a module of the type {peft_type} has no tensor that what it adds is linear in")
    return replace(module, tensors=tensors)


def _adds(entry: Law, name: str) -> bool:
    return entry.neutral is not None and any(name.endswith(f".{leaf}") for leaf in entry.adds)


def _multiplied(entry: Law, name: str, tensor: np.ndarray, factor: float) -> np.ndarray:
    if not _adds(entry, name):
        return tensor.copy()
    return (entry.neutral + factor * (tensor.astype(np.float64) - entry.neutral)).astype(tensor.dtype)
