"""The ported module made larger or smaller, and nothing else: whether its size or its direction is wrong.

A size is an initialisation of its own, so that each has its runs, curves and intervals beside ``ported``. None is
chosen by how it does on test examples.
"""

import re
from dataclasses import replace

import numpy as np

from peftport.storage.modules import Module

# method of a technique to its tensors that what it adds is linear in, and their value where it adds nothing
LINEAR = {
    "lora": (r"lora_B\.weight", 0.0),
    "adapters": (r"houlsby_(\w+_)?up_(weight|bias)", 0.0),
    "compacter": (r"compacter_up_(right|bias)", 0.0),
    "tiny_attention": (r"tiny_attention_out_(weight|bias)", 0.0),
    "ia3": (r"ia3_l", 1.0),
}


def refusal(method: str) -> str | None:
    """Why modules of a technique of this method cannot be scaled; None where they can."""
    if method in LINEAR:
        return None
    return f"what its modules add to a host is not linear in their tensors; it is for {', '.join(LINEAR)}"


def scaled(module: Module, factor: float) -> Module:
    """The module with what it adds to its host multiplied by a factor; a classification head stays as it is.

    Raises:
        ValueError: it has no tensor that what it adds is linear in.
    """
    found = {name: value for name in module.tensors if (value := _neutral(name)) is not None}
    if not found:
        raise ValueError(f"a module of the type {module.config.get('peft_type')} cannot be scaled: {refusal('')}")
    changed = {
        name: (found[name] + factor * (tensor.astype(np.float64) - found[name])).astype(tensor.dtype)
        for name, tensor in module.tensors.items()
        if name in found
    }
    return replace(module, tensors={name: tensor.copy() for name, tensor in module.tensors.items()} | changed)


def _neutral(name: str) -> float | None:
    """The value at which a tensor adds nothing; None of one that what is added is not linear in."""
    return next((value for ending, value in LINEAR.values() if re.search(rf"(^|\.){ending}$", name)), None)
