"""A correspondence between two hosts: which source layers stand for each target layer, and a linear map per space.

It never depends on a module. Methods (``peftport.maps.table``) estimate it; laws (``peftport.maps.laws``) use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from peftport.maps.linear import FORMS, Joined, LinearMap
from peftport.maps.spaces import EMBEDDING, READS, WRITES
from peftport.storage.cards import read_card, write_card
from peftport.storage.files import DamagedFile, atomic_write, file_digest
from peftport.storage.provenance import JsonObject

# target layer to the source layers that stand for it, each with its weight; () where no module goes
Layers = tuple[tuple[tuple[int, float], ...], ...]

MAP, CARD = "map.safetensors", "card.json"


class Space(NamedTuple):
    """A space of a pair of hosts; ``embedding`` has no stack, sub-layer or layers.

    Attributes:
        name: of ``peftport.maps.spaces``; or ``<kind>.in`` and ``<kind>.out``, what a method for LoRA alone found for
            one projection, which then counts before the space.
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


def write_correspondence(folder: Path, correspondence: Correspondence, provenance: JsonObject) -> None:
    """Write a correspondence: its arrays in float32, and a card with its layers, its facts and the file's checksum.

    An array that several maps have in common is kept once.
    """
    arrays: dict[str, np.ndarray] = {}
    kept: dict[int, tuple[str, np.ndarray]] = {}  # with the array itself, so that its id stays its own
    spaces = []
    forms = {form: name for name, form in FORMS.items()}
    for space, linear in correspondence.maps.items():
        tensors = {}
        for part, array in linear.arrays().items():
            name, _ = kept.setdefault(id(array), (f"{len(kept)}.{part}", array))
            floats = np.issubdtype(array.dtype, np.floating)
            arrays[name] = np.ascontiguousarray(array, np.float32 if floats else array.dtype)
            tensors[part] = name
        spaces.append({"space": list(space), "form": forms[type(linear)], "tensors": tensors})
    with atomic_write(folder / MAP) as partial:
        save_file(arrays, partial)
        digest = file_digest(partial)
    layers = {stack: [list(map(list, row)) for row in rows] for stack, rows in correspondence.layers.items()}
    facts = {"layers": layers, "spaces": spaces, "facts": correspondence.facts, "map_sha256": digest}
    write_card(folder / CARD, facts | provenance)


def read_correspondence(folder: Path) -> Correspondence:
    """Read what ``write_correspondence`` wrote.

    Raises:
        DamagedFile: a file is not what was written.
    """
    card = read_card(folder / CARD)
    if file_digest(folder / MAP) != card.get("map_sha256"):
        raise DamagedFile(folder / MAP, f"its checksum is not the one in {CARD}")
    with safe_open(folder / MAP, "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    arrays = {n: a.astype(np.float64) if np.issubdtype(a.dtype, np.floating) else a for n, a in arrays.items()}
    maps = {
        Space(*entry["space"]): FORMS[entry["form"]].read({p: arrays[n] for p, n in entry["tensors"].items()})
        for entry in card["spaces"]
    }
    layers = {
        stack: tuple(tuple((int(layer), float(weight)) for layer, weight in row) for row in rows)
        for stack, rows in card["layers"].items()
    }
    return Correspondence(layers, maps, card["facts"])
