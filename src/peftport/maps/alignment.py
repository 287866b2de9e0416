"""Which token states of two hosts stand for the same piece of a text, whatever their tokenizers.

A *row* is a token state, or the mean over a few. Where both tokenizers cut a text alike, rows are its tokens. Else a
causal host has read the same at positions where tokens of both end at the same character, and a host that reads in both
directions is compared by the mean over the tokens of a word. Special tokens have no character and no row.
"""

import re
from typing import NamedTuple

import numpy as np

Place = tuple[int, int]


class Members(NamedTuple):
    """The tokens of one host that rows are made of.

    Attributes:
        tokens: (members,) positions in the text's tokens.
        rows: (members,) the row that each belongs to; a row is the mean over its members.
    """

    tokens: np.ndarray
    rows: np.ndarray


def aligned(source: list[Place], target: list[Place], text: str, causal: bool) -> tuple[Members, Members, int]:
    """The rows of a text in both hosts, and how many there are.

    Args:
        source: for each token that the source host reads, where it begins and ends in the text; what has no character
            (special tokens) is no member.
        target: those of the target host.
        causal: whether a token state knows only what stands before it.
    """
    pair = [_read(places) for places in (source, target)]
    if list(pair[0].values()) == list(pair[1].values()):
        keyed = [{row: [token] for row, token in enumerate(places)} for places in pair]
    elif causal:  # of several tokens that end with one character the last has read it whole
        keyed = [{place[1]: [token] for token, place in places.items()} for places in pair]
    else:
        limit = min(max((place[1] for place in places.values()), default=0) for places in pair)
        words = [word.span() for word in re.finditer(r"\S+", text) if word.end() <= limit]
        keyed = [_by_word(places, words) for places in pair]
    common = sorted(keyed[0].keys() & keyed[1].keys())
    return _members(keyed[0], common), _members(keyed[1], common), len(common)


def _read(places: list[Place]) -> dict[int, Place]:
    """Position of each token that has a character to its place."""
    return {token: place for token, place in enumerate(places) if place[1] > place[0]}


def _by_word(places: dict[int, Place], words: list[Place]) -> dict[int, list[int]]:
    """Index of a word to the tokens whose last character is in it."""
    at = {letter: index for index, (begin, end) in enumerate(words) for letter in range(begin, end)}
    members: dict[int, list[int]] = {}
    for token, (_, end) in places.items():
        if (end - 1) in at:
            members.setdefault(at[end - 1], []).append(token)
    return members


def _members(keyed: dict[int, list[int]], common: list[int]) -> Members:
    tokens = [token for key in common for token in keyed[key]]
    rows = [row for row, key in enumerate(common) for _ in keyed[key]]
    return Members(np.asarray(tokens, np.int64), np.asarray(rows, np.int64))
