"""Carries source modules along a map, before the rule of an initialisation."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from peftport.maps.carry import carry_module
from peftport.maps.correspondence import CARD, Correspondence, read_correspondence
from peftport.storage.cards import read_card
from peftport.storage.modules import Module

# a correspondence and a generator to a wrong one, for controls
Change = Callable[[Correspondence, np.random.Generator], Correspondence]


@dataclass(frozen=True)
class Carrying:
    """Carries modules of one technique from one host to another; the map is read when the first of them needs it.

    Attributes:
        name: of the map in the study.
        folder: the map's.
        cards: the hosts' card files, ``source`` and ``target``.
        method: the technique's.
    """

    name: str
    folder: Path
    cards: dict[str, str | Path]
    method: str

    @cached_property
    def correspondence(self) -> Correspondence:
        """What the map's method found."""
        return read_correspondence(self.folder)

    def __call__(self, module: Module, change: Change | None, rng: np.random.Generator) -> Module:
        """The module as one of the target host; its card is the source module's and says what was ``carried``.

        Args:
            change: how a control alters the correspondence first.
            rng: what that draws from.
        """
        correspondence = self.correspondence if change is None else change(self.correspondence, rng)
        source, target = (read_card(self.cards[end]) for end in ("source", "target"))
        duplicate = read_card(self.folder / CARD)["settings"]["duplicate"]
        return carry_module(module, self.method, correspondence, source, target, duplicate=duplicate)
