"""A map from one host to another made and written: the stage ``make_map``."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from peftport.maps.correspondence import write_correspondence
from peftport.maps.cross import Moments
from peftport.maps.ends import end_of
from peftport.maps.offsets import offsets
from peftport.maps.pair import End, Pair
from peftport.maps.settings import MapSettings
from peftport.maps.table import READING, method
from peftport.maps.tokens import shared_tokens
from peftport.registry import import_entry
from peftport.seeds import generator
from peftport.storage.provenance import JsonObject


def make_map(
    settings: JsonObject,
    cards: Mapping[str, str | Path],
    texts: Sequence[str],
    names: Sequence[str],
    folder: Path,
    provenance: JsonObject,
) -> None:
    """Estimate a correspondence between two hosts and write it.

    Args:
        settings: of the map.
        cards: the hosts' card files, ``source`` and ``target``.
        texts: files of the split whose texts both hosts read; none for a map that needs no texts.
        names: of both hosts and the map, which name what is drawn.
        folder: where it is written.
        provenance: how the files are made, added to the card.

    Raises:
        ValueError: the method cannot make it; the message says what is missing.
    """
    chosen = MapSettings.model_validate(settings)
    source, target = (end_of(cards[name]) for name in ("source", "target"))
    moments = cache(partial(_moments, source, target, texts[0])) if texts else None  # layers and method ask for them
    pair = Pair(source, target, partial(shared_tokens, source, target), moments)
    found = method(chosen.method).fit(pair, chosen, generator(0, "map", *names))
    found = replace(found, facts=found.facts | offsets(pair, found))
    described = {"method": chosen.method, "settings": chosen.as_json()}
    write_correspondence(folder, found, described | provenance)
    print(f"map {' -> '.join(names[:2])} by {chosen.method}: {len(found.maps)} spaces")


def numbers(texts: Sequence[str]) -> str:
    """The number type that a map is computed from: what both hosts compute on texts, or their weights as they are."""
    return "float32" if texts else "float64"


def _moments(source: End, target: End, file: str) -> Moments:
    return import_entry("kind of reading", "texts", READING).moments(source, target, file)
