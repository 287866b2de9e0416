"""Cards: JSON files that carry a checksum of their content."""

import hashlib
import json
from pathlib import Path

from peftport.storage.files import DamagedFile, read_json, write_json
from peftport.storage.provenance import JsonObject

CARD_DIGEST = "card_sha256"


def write_card(path: str | Path, card: JsonObject) -> None:
    """Write a mapping as JSON with a digest of what it says."""
    write_json(path, card | {CARD_DIGEST: _said(card)})


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
