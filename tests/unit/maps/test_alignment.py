"""Rows of two tokenisations: known answers on two small tokenizers."""

import numpy as np
import pytest
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence, Split, WhitespaceSplit

from peftport.maps.alignment import Members, aligned

TEXT = "ab c def"


def places(pieces, text=TEXT, special=False):
    """Where the tokens of a tokenizer that cuts words like this stand in a text, perhaps behind a special token."""
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), Split(Regex(pieces), "isolated")])
    return [(0, 0)] * special + tokenizer.encode(text).offsets


WORDS, LETTERS, PAIRS = r"\S+", r"\S", r"\S\S?"


def listed(members):
    return [list(map(int, part)) for part in members]


def test_tokens_that_end_at_the_same_character_are_rows_of_causal_hosts():
    assert places(WORDS) == [(0, 2), (3, 4), (5, 8)]
    words, letters, count = aligned(places(WORDS), places(LETTERS, special=True), TEXT, causal=True)
    assert (listed(words), listed(letters), count) == ([[0, 1, 2], [0, 1, 2]], [[2, 3, 6], [0, 1, 2]], 3)
    pairs, letters, count = aligned(places(PAIRS), places(LETTERS), TEXT, causal=True)  # ab c de f
    assert (listed(pairs)[0], listed(letters)[0], count) == ([0, 1, 2, 3], [1, 2, 4, 5], 4)


def test_words_are_rows_of_hosts_that_read_in_both_directions():
    words, letters, count = aligned(places(WORDS), places(LETTERS, special=True), TEXT, causal=False)
    assert (listed(words), count) == ([[0, 1, 2], [0, 1, 2]], 3)
    assert listed(letters) == [[1, 2, 3, 4, 5, 6], [0, 0, 1, 2, 2, 2]]


@pytest.mark.parametrize("causal", [True, False])
def test_where_both_cut_alike_every_token_is_a_row(causal):
    first, second, count = aligned(places(LETTERS), places(LETTERS, special=True), TEXT, causal)
    assert (listed(first), listed(second), count) == ([[*range(6)]] * 2, [[*range(1, 7)], [*range(6)]], 6)


def test_words_that_one_host_has_not_read_whole_are_no_rows():
    cut = places(LETTERS)[:5]  # ab c de
    words, letters, count = aligned(places(WORDS), cut, TEXT, causal=False)
    assert (listed(words), listed(letters), count) == ([[0, 1], [0, 1]], [[0, 1, 2], [0, 0, 1]], 2)
    assert aligned(places(WORDS), cut, TEXT, causal=True)[2] == 2


def test_a_text_without_common_rows():
    first, _, count = aligned([(0, 0)], places(WORDS), TEXT, causal=True)
    assert count == 0
    assert isinstance(first, Members)
    assert first.tokens.dtype == np.int64
