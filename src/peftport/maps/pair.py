"""A pair of hosts as a method sees it: cards, and weights that are read from their files one at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from peftport.adapters.host_files import HostFiles
from peftport.adapters.host_modules import spelled_names
from peftport.hosts.families.table import family
from peftport.hosts.sites import Family
from peftport.maps.cross import Moments
from peftport.maps.spaces import Place, template_of
from peftport.storage.provenance import JsonObject


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
        """Whether there is a weight of this kind of projection."""
        template = template_of(self.family, kind, place.stack, place.sublayer)
        return template is not None and f"{template.format(layer=place.layer)}.weight" in self._names

    def weight(self, place: Place, kind: str) -> np.ndarray:
        """(outputs, inputs) of a projection, float64, as stored but never transposed.

        Raises:
            KeyError: there is none.
            HostFilesError: its file cannot be read.
        """
        template = template_of(self.family, kind, place.stack, place.sublayer)
        if template is None:
            raise KeyError(f"{kind} at {place}")
        weight = self.tensor(f"{template.format(layer=place.layer)}.weight")
        return weight.T if self.family.transposed else weight

    def gain(self, place: Place, memory: bool = False) -> np.ndarray | None:
        """(d,) scale of the norm in front of what a sub-layer reads, or of its ``memory``; None where none is."""
        part = next(s for s in self.family.stream.sublayers if (s.stack, s.name) == (place.stack, place.sublayer))
        norm = part.memory_norm if memory and part.memory_norm else part.norm
        return None if norm is None else self.tensor(f"{norm.format(layer=place.layer)}.weight")

    def embedding(self) -> np.ndarray:
        """(vocabulary, width) of the token embedding, float64."""
        return self.tensor(f"{self.family.stream.embedding}.weight")

    def tensor(self, name: str) -> np.ndarray:
        """A tensor by its name in the family's sites, float64."""
        full = self._names[name]
        return self.files.weights([full])[full].astype(np.float64)


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
    notes: list[str] = field(default_factory=list)
