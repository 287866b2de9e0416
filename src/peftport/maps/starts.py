"""What starts need beside the source module, reached by name, so that what is copied depends on none of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peftport.registry import import_entry

HELP = {"map": "peftport.maps.carrying", "weights": "peftport.maps.controls.random_basis"}


def carrying(name: str, files: Sequence[str], cards: dict[str, str], method: str) -> Any:
    """What carries modules of a technique along a map (``peftport.maps.carrying``); None where they are copied.

    Args:
        name: of the map in the study.
        files: the map's; none where modules are copied.
        cards: the hosts' card files, ``source`` and ``target``.
        method: the technique's.
    """
    if not files:
        return None
    return import_entry("help for starts", "map", HELP).Carrying(name, Path(files[0]).parent, cards, method)


def placing(card: str, wanted: bool) -> Any:
    """What places random modules in the host of a card's file; None where that is not wanted."""
    return import_entry("help for starts", "weights", HELP).Placing(card) if wanted else None
