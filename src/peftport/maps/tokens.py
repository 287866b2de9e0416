"""Tokens that two vocabularies share, told from the files of both tokenizers.

Tokenizers mark the beginning of a word in their own ways: SentencePiece by U+2581, byte-level BPE by U+0120, WordPiece
marks what is none by ``##``. A token's *surface* is the text that it stands for, with a space in front where a word
begins. Special and added tokens have none, and neither have single bytes and rows that nothing uses.
"""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from peftport.adapters.host_files import LARGEST_TOKENIZER, tokenizer_digest
from peftport.maps.pair import End
from peftport.storage.provenance import JsonObject

NO_TEXT = re.compile(
    r"<0x[0-9A-Fa-f]{2}>|\[(PAD|UNK|CLS|SEP|MASK|unused\d+)\]|<(/?s|pad|unk|mask|bos|eos|unused\d+|extra_id_\d+)>"
    r"|<\|[^|]*\|>|madeupword\d+"
)
COMFORTABLE = 4  # so many shared tokens for each coordinate determine the map of the stream well


class NoVocabulary(ValueError):
    """A host whose tokenizer's files cannot be read. It says which, what was expected and what came."""


def shared_tokens(source: End, target: End) -> tuple[np.ndarray, np.ndarray]:
    """(source ids, target ids) of the tokens that both vocabularies have, in the order of the target's ids.

    Tokenizers of the same files share every token, whatever kind of files these are.

    Raises:
        NoVocabulary: tokenizers differ, and the files of one cannot be read.
    """
    sizes = [end.embedding_shape()[0] for end in (source, target)]
    digests = [tokenizer_digest(end.files.folder) for end in (source, target)]
    if digests[0] is not None and digests[0] == digests[1]:
        ids = _known_ids(target.files.folder, min(sizes))
        return ids, ids
    known, wanted = (surfaces(end.files.folder) for end in (source, target))
    pairs = sorted((wanted[text], known[text]) for text in known.keys() & wanted.keys())
    pairs = [(there, here) for there, here in pairs if there < sizes[1] and here < sizes[0]]
    ids = np.array(pairs, np.int64).reshape(-1, 2)
    return ids[:, 1], ids[:, 0]


def _known_ids(folder: Path, rows: int) -> np.ndarray:
    """Ids below ``rows`` that a tokenizer gives; all where its files are of a kind that is not read here."""
    try:
        ids = np.array(sorted(set(vocabulary(folder).values())), np.int64)
    except NoVocabulary:
        return np.arange(rows)
    return ids[ids < rows]


def too_few(count: int, source_card: JsonObject, target_card: JsonObject) -> str | None:
    """Why so many shared tokens do not determine a map of the stream; None if they do."""
    width = source_card["shape"]["d_model"]
    if count >= width:
        return None
    names = " and ".join(repr(card.get("host", "?")) for card in (source_card, target_card))
    return (
        f"the vocabularies of {names} share {count} tokens, {width - count} too few: a map of a stream of {width} "
        f"coordinates takes at least {width}, and {COMFORTABLE * width} to be good"
    )


def surfaces(folder: Path) -> dict[str, int]:
    """Surface of each token of a tokenizer to its id; of tokens with one surface, the first.

    Raises:
        NoVocabulary: its files cannot be read.
    """
    said = _tokenizer(folder)
    added = {str(token.get("content")) for token in said.get("added_tokens", [])}
    surface = _surface_of(said)
    texts: dict[str, int] = {}
    for token, place in sorted(_entries(said), key=lambda entry: entry[1]):
        if token in added or NO_TEXT.fullmatch(token) or not (text := surface(token)):
            continue
        texts.setdefault(text, place)
    return texts


def vocabulary(folder: Path) -> dict[str, int]:
    """Every token of a tokenizer, special and added ones too, to its id.

    Raises:
        NoVocabulary: its files cannot be read.
    """
    said = _tokenizer(folder)
    return dict(_entries(said)) | {str(token["content"]): int(token["id"]) for token in said.get("added_tokens", [])}


def _tokenizer(folder: Path) -> JsonObject:
    """The tokenizer of a folder in the form of a ``tokenizer.json``."""
    for name, read in READERS.items():
        file = folder / name
        if not file.is_file():
            continue
        if file.stat().st_size > LARGEST_TOKENIZER:
            raise NoVocabulary(f"{file}: expected at most {LARGEST_TOKENIZER} bytes, got {file.stat().st_size}")
        try:
            said = read(file.read_text(encoding="utf-8"))
            _entries(said)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NoVocabulary(f"{file}: expected a tokenizer's vocabulary: {str(error)[:200]}") from error
        return said
    there = ", ".join(sorted(path.name for path in folder.glob("*") if path.is_file())) or "nothing"
    raise NoVocabulary(f"{folder}: expected one of {', '.join(READERS)} to compare vocabularies by, got {there}")


def _entries(said: JsonObject) -> list[tuple[str, int]]:
    """(token, id) of the model's vocabulary: a mapping, or a list of (token, score) in the order of ids."""
    tokens = said["model"]["vocab"]
    pairs: Iterable[tuple[Any, Any]] = (
        tokens.items() if isinstance(tokens, dict) else ((entry[0], place) for place, entry in enumerate(tokens))
    )
    return [(str(token), int(place)) for token, place in pairs]


def _surface_of(said: JsonObject) -> Callable[[str], str]:
    """What turns a token of this tokenizer into its surface; an empty one where it has none."""
    parts = json.dumps([said.get("pre_tokenizer"), said.get("decoder")])
    if '"ByteLevel"' in parts:
        return _from_bytes
    if said["model"].get("type") == "WordPiece":
        mark = said["model"].get("continuing_subword_prefix") or "##"
        return lambda token: token[len(mark) :] if token.startswith(mark) else f" {token}"
    return lambda token: token.replace("\u2581", " ")


def _byte_letters() -> dict[str, int]:
    """The letters that stand for bytes in byte-level BPE (Radford et al., 2019): printable ones for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


LETTERS = _byte_letters()


def _from_bytes(token: str) -> str:
    try:
        return bytes(LETTERS[letter] for letter in token).decode()
    except (KeyError, UnicodeDecodeError):  # a part of a character, or a token that the vocabulary was given later
        return ""


def _wordpiece(text: str) -> JsonObject:
    return {"model": {"type": "WordPiece", "vocab": [[line] for line in text.splitlines()]}}


def _byte_level(text: str) -> JsonObject:
    return {"model": {"type": "BPE", "vocab": json.loads(text)}, "decoder": {"type": "ByteLevel"}}


READERS: dict[str, Callable[[str], JsonObject]] = {
    "tokenizer.json": json.loads,
    "vocab.json": _byte_level,
    "vocab.txt": _wordpiece,
}
