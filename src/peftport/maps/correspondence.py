"""A correspondence between two hosts: which source layers stand for each target layer, and a linear map per space.

It never depends on a module. Methods (``peftport.maps.table``) estimate it; laws (``peftport.maps.laws``) use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from peftport.maps.linear import FORMS, Joined, LinearMap
from peftport.maps.spaces import EMBEDDING, READS, WRITES
from peftport.storage.provenance import JsonObject

# target layer to the source layers that stand for it, each with its weight; () where no module goes
Layers = tuple[tuple[tuple[int, float], ...], ...]

MAP, CARD = "map.safetensors", "card.json"


class Space(NamedTuple):
    """A space of a pair of hosts; ``embedding`` has no stack, sub-layer or layers.

    Attributes:
        name: of ``peftport.maps.spaces``; or ``<kind>.in`` and ``<kind>.out``, what a method for LoRA alone found for one
            projection, which then counts before the space.
        stack: ``encoder`` or ``decoder``.
        sublayer: ``self``, ``cross`` or ``feed_forward``.
        target_layer: index in the target host.
        source_layer: index in the source host.
    """

    name: str
    stack: str = ""
    sublayer: str = ""
    target_layer: int = -1
    source_layer: int = -1


@dataclass(frozen=True)
class Correspondence:
    """What a method found for a pair of hosts.

    Attributes:
        layers: stack to its layer map.
        maps: space to linear map.
        facts: what its card says: residuals, matched shares, clipped gains.
    """

    layers: Mapping[str, Layers]
    maps: Mapping[Space, LinearMap]
    facts: JsonObject = field(default_factory=dict)

    def embedding(self) -> LinearMap:
        """The map of the token embeddings' space."""
        return self._find(Space(EMBEDDING))

    def space(self, name: str, stack: str, sublayer: str, pair: tuple[int, int]) -> LinearMap:
        """The map of one space of a sub-layer, for ``pair`` of a target and a source layer; ``memory`` where there is
        none of its own is ``read``."""
        wanted = Space(name, stack, sublayer, *pair)
        if name == "memory" and wanted not in self.maps:
            wanted = wanted._replace(name="read")
        return self._find(wanted)

    def reading(self, kind: str, stack: str, sublayer: str, pair: tuple[int, int]) -> LinearMap:
        """The map of what a projection of a kind reads."""
        own = self.maps.get(Space(f"{kind}.in", stack, sublayer, *pair))
        return own if own is not None else self.space(READS[kind], stack, sublayer, pair)

    def writing(self, kind: str, stack: str, sublayer: str, pair: tuple[int, int]) -> LinearMap:
        """The map of what a projection of a kind writes; joined where it writes several spaces."""
        own = self.maps.get(Space(f"{kind}.out", stack, sublayer, *pair))
        if own is not None:
            return own
        parts = [self.space(name, stack, sublayer, pair) for name in WRITES[kind]]
        return parts[0] if len(parts) == 1 else Joined(parts)

    def _find(self, space: Space) -> LinearMap:
        if space not in self.maps:
            raise KeyError(f"the map between the hosts has nothing for the space {space}")
        return self.maps[space]
