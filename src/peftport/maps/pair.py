"""A pair of hosts as a method sees it: cards, and weights that are read from their files one at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from peftport.adapters.host_files import HostFiles
from peftport.adapters.host_modules import spelled_names
from peftport.hosts.families.table import family
from peftport.hosts.sites import Family
from peftport.maps.cross import Moments
from peftport.maps.spaces import FUSED, Place, template_of
from peftport.storage.provenance import JsonObject

# kind of projection to the fused one that holds it in other families, and which part of its rows it is
PART_OF = {part: (whole, index) for whole, parts in FUSED.items() for index, part in enumerate(parts)}
BLOCK = 4096  # rows of a table of embeddings that are read together


@dataclass(frozen=True)
class End:
    """One host of a pair.

    Attributes:
        card: its card: ``host``, ``model_type``, ``shape`` (``peftport.hosts.shape.host_shape``).
        files: its files, from which weights are read when they are asked for.
    """

    card: JsonObject
    files: HostFiles

    @cached_property
    def family(self) -> Family:
        """Its family."""
        return family(self.card["model_type"])

    @cached_property
    def _names(self) -> dict[str, str]:
        """Name of a tensor without the prefix of a model with a head to its name in the files."""
        spelled = spelled_names(self.files)
        return {name.partition(".")[2]: full for name, full in spelled.items()} | spelled

    def layers(self, stack: str) -> int:
        """How many layers a stack has."""
        return int(self.card["shape"][f"{stack}_layers"])

    def has(self, place: Place, kind: str) -> bool:
        """Whether there is a weight of this kind of projection, by itself or as a part of a fused one."""
        return self._stored(place, kind) is not None or (
            kind in PART_OF and self._stored(place, PART_OF[kind][0]) is not None
        )

    def stored(self, place: Place, kind: str) -> bool:
        """Whether there is a tensor for this kind of projection alone."""
        return self._stored(place, kind) is not None

    def weight(self, place: Place, kind: str) -> np.ndarray:
        """(outputs, inputs) of a projection, float64, however it is stored; a part of a fused one is cut out.

        Raises:
            KeyError: there is none.
            HostFilesError: its file cannot be read.
        """
        name = self._stored(place, kind)
        if name is not None:
            weight = self.tensor(name)
            return weight.T if self.family.transposed else weight
        if not self.has(place, kind):
            raise KeyError(f"{kind} at {place}")
        fused, part = PART_OF[kind]
        return np.split(self.weight(place, fused), np.cumsum(self._parts(fused))[:-1])[part]

    def gain(self, place: Place, memory: bool = False) -> np.ndarray | None:
        """(d,) scale of the norm in front of what a sub-layer reads, or of its ``memory``; None where none is."""
        part = next(s for s in self.family.stream.sublayers if (s.stack, s.name) == (place.stack, place.sublayer))
        norm = part.memory_norm if memory and part.memory_norm else part.norm
        return None if norm is None else self.tensor(f"{norm.format(layer=place.layer)}.weight")

    def embedding(self) -> np.ndarray:
        """(vocabulary, width) of the token embedding, float64."""
        return self.tensor(self.embedding_name)

    def embedding_shape(self) -> tuple[int, int]:
        """(vocabulary, width) of the token embedding."""
        rows, width = self.files.tensors[self._names[self.embedding_name]].shape
        return rows, width

    @property
    def embedding_name(self) -> str:
        """The tensor with the token embedding."""
        return f"{self.family.stream.embedding}.weight"

    @property
    def head_name(self) -> str | None:
        """The tensor of an output layer of its own that reads the stream through a norm; None where there is none."""
        if self.family.stream.final_norm is None:
            return None
        return next((name for name in self.family.head if name in self._names), None)

    def final_gain(self) -> np.ndarray:
        """(d,) scale of the norm in front of the output layer, float64."""
        return self.tensor(f"{self.family.stream.final_norm}.weight")

    def tensor(self, name: str) -> np.ndarray:
        """A tensor by its name in the family's sites, float64."""
        full = self._names[name]
        return self.files.weights([full])[full].astype(np.float64)

    def rows(self, name: str, ids: np.ndarray) -> np.ndarray:
        """(len(ids), width) rows of a table, float32; only a few more are in memory at a time."""
        full = self._names[name]
        count, width = self.files.tensors[full].shape
        rows = np.empty((len(ids), width), np.float32)
        for first in range(0, count if len(ids) else 0, BLOCK):
            wanted = np.flatnonzero((ids >= first) & (ids < first + BLOCK))
            if len(wanted):
                rows[wanted] = self.files.rows(full, first, min(first + BLOCK, count))[ids[wanted] - first]
        return rows

    def _stored(self, place: Place, kind: str) -> str | None:
        template = template_of(self.family, kind, place.stack, place.sublayer)
        name = "" if template is None else f"{template.format(layer=place.layer)}.weight"
        return name if name in self._names else None

    def _parts(self, fused: str) -> list[int]:
        """How many rows of a fused projection each of its parts has."""
        shape = self.card["shape"]
        if fused == "wi_01":
            return [shape["d_ff"]] * 2
        return [shape["heads"] * shape["d_kv"], *(shape["key_value_heads"] * shape["d_kv"],) * 2]


@dataclass(frozen=True)
class Pair:
    """Two hosts.

    Attributes:
        source: the host that modules come from.
        target: the host that they are to go to.
        shared_tokens: (source ids, target ids) of the tokens that both vocabularies have; made when asked for.
        moments: of what both hosts compute on texts, by who has torch; made when asked for, None without texts.
    """

    source: End
    target: End
    shared_tokens: Callable[[], tuple[np.ndarray, np.ndarray]]
    moments: Callable[[], Moments] | None = None
