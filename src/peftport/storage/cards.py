"""Cards: JSON files that carry a checksum of their content."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from peftport.storage.files import DamagedFile, file_digests, read_json, write_json
from peftport.storage.provenance import JsonObject, identity

CARD_DIGEST = "card_sha256"
DIGESTS = "digests"  # in a card: the names of files beside it, in which no key can stand, to their SHA-256


def write_card(path: str | Path, card: JsonObject) -> None:
    """Write a mapping as JSON with a digest of what it says; a card of a study also says which file it is.

    A ``path`` that the mapping has from another card is left out.
    """
    card = {name: value for name, value in card.items() if name != "path"} | identity(path)
    write_json(path, card | {CARD_DIGEST: _said(card)})


def write_digests(path: str | Path, files: Iterable[str | Path], provenance: JsonObject) -> None:
    """Write a card that gives the digests of files beside it, which are pictures or pages and hold no key."""
    write_card(path, {DIGESTS: file_digests(Path(path).parent, [Path(file).name for file in files])} | provenance)


def read_card(path: str | Path) -> JsonObject:
    """Read what ``write_card`` wrote, without the digest.

    Raises:
        DamagedFile: it is no JSON, or its digest is not that of what it says.
    """
    card = read_json(path)
    if not isinstance(card, dict) or card.pop(CARD_DIGEST, None) != _said(card):
        raise DamagedFile(path, f"its {CARD_DIGEST} is not the checksum of what it says")
    return card


def _said(card: JsonObject) -> str:
    # as JSON has it, so that a tuple and a list, or 1 and "1" as a key, are the same before and after
    text = json.dumps(json.loads(json.dumps(card)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
