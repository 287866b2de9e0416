"""The parts of a module of two techniques: in what order they wrap a host, and whose a tensor is.

Inner parts wrap first. Where two wrap one projection, the outer one reads what the inner one and the host compute
together; where one wraps an attention and another a projection inside it, the projection is wrapped first.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from peftport.storage.modules import Module
from peftport.storage.provenance import JsonObject

HYBRID = "HYBRID"  # as `peft_type`
# methods in the order of wrapping, innermost first, and what the names of their tensors hold
MARKS = {
    "lora": "lora_",
    "ia3": "ia3_",
    "adapters": "houlsby_",
    "compacter": "compacter_",
    "prefix_tuning": "prefix_tuning_",
    "tiny_attention": "tiny_attention_",
}


def part_of(name: str) -> str | None:
    """The method whose tensor this is, by its name; None for none of them (a classification head)."""
    return next((method for method, mark in MARKS.items() if re.search(rf"(?:^|\.){mark}", name)), None)


def split_module(module: Module) -> dict[str, Module]:
    """A module of two techniques as one module a part, innermost first: each is a plain peft module of its technique.

    A classification head goes to none of them. The card of each says ``part_of`` which techniques it comes from.

    Raises:
        ValueError: the module is of one technique.
    """
    parts = parts_of(module.config)
    if not parts:
        raise ValueError(f"expected a module of two techniques, got one of type {module.config.get('peft_type')}")
    return {
        method: replace(
            module,
            config=config,
            tensors={name: tensor for name, tensor in module.tensors.items() if part_of(name) == method},
            card=module.card | {"technique": method, "part_of": list(parts)},
        )
        for method, config in parts.items()
    }


def parts_of(config: Mapping[str, object]) -> dict[str, JsonObject]:
    """Methods to the configs of the parts in an ``adapter_config.json``, innermost first; none for one technique.

    Raises:
        ValueError: it says that it has parts, and they are not two configs of techniques that can be parts.
    """
    if config.get("peft_type") != HYBRID:
        return {}
    parts = config.get("parts")
    known = isinstance(parts, dict) and len(parts) == 2 and parts.keys() <= MARKS.keys()
    if not known or not all(isinstance(part, dict) for part in parts.values()):
        raise ValueError(f"expected the configs of two parts, of {', '.join(MARKS)}, got {str(parts)[:80]}")
    return {method: parts[method] for method in MARKS if method in parts}


def only(module: Module, place: int) -> Module:
    """The tensors of one part, under the config of the whole; what is left out is fresh in the target host.

    Args:
        place: of the part, 0 for the inner one.

    Raises:
        ValueError: the module is of one technique.
    """
    part = list(split_module(module).values())[place]
    return replace(module, tensors={name: tensor.copy() for name, tensor in sorted(part.tensors.items())})


def lacks_a_part(module: Module) -> bool:
    """Whether the config names a part of which the module has no tensor."""
    return not parts_of(module.config).keys() <= {part_of(name) for name in module.tensors}
