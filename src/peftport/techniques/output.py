"""What a technique says about the size of what its modules do to a host, for controls that are made equally large."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ADDED, PRODUCT, ENTRIES = "added", "product", "entries"


@dataclass(frozen=True)
class Output:
    """How large a module of the technique is in a host, and what scales that.

    Attributes:
        measure: ``added``, the root mean square of what the module adds to the output of a site on given texts;
            ``product``, the Frobenius norm of each pair lora_B lora_A; ``entries``, the root mean square of the
            entries of each tensor, where the tensor itself is what is added.
        tensors: for ``added``, layer of a site and name of its adapter to the parameters that what is added there is
            linear in, all of them and no others (of a product only one factor). For a prefix, which also takes
            attention from the other positions, only its own share is linear in them.
        neutral: the value of those parameters at which that linear part is zero.
    """

    measure: str
    tensors: Callable[[Any, str], list[Any]] = lambda layer, adapter: []
    neutral: float = 0.0
