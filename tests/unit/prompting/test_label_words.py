"""Tokens of label words, and words that a likelihood could not tell apart."""

import re

import pytest

from peftport.hosts.load import load_tokenizer
from peftport.prompting.label_words import label_tokens
from tests import studies


class Tokenizer:
    """One token per entry of a table."""

    unk_token_id = 2

    def __init__(self, tokens):
        self.tokens = tokens

    def __call__(self, word, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": self.tokens[word]}


def test_tokens_of_label_words():
    tokens = {"good": [3], "bad": [4, 5]}
    assert label_tokens(Tokenizer(tokens), ["good", "bad"]) == tokens


@pytest.mark.parametrize("ids", [[], [2], [3, 2, 4]])
def test_words_that_the_tokenizer_cannot_write_are_refused(ids):
    with pytest.raises(ValueError, match=r"cannot write the label word 'odd' \(tokens " + re.escape(str(ids))):
        label_tokens(Tokenizer({"good": [3], "odd": ids}), ["good", "odd"])


@pytest.mark.parametrize(("one", "other"), [([3], [3]), ([3], [3, 4]), ([3, 4, 5], [3, 4])])
def test_words_that_begin_alike_to_the_end_of_one_are_refused(one, other):
    with pytest.raises(ValueError, match="cannot tell the label words") as refusal:
        label_tokens(Tokenizer({"good": one, "goods": other}), ["good", "goods"])
    assert all(part in str(refusal.value) for part in ("'good'", "'goods'", str(one), str(other)))


def test_words_that_only_begin_alike_are_told_apart():
    label_tokens(Tokenizer({"good": [3, 4], "goods": [3, 5]}), ["good", "goods"])


def test_a_real_tokenizer_writes_the_words_whole_and_refuses_what_it_cannot_write(tmp_path):
    studies.save_hosts(tmp_path)
    tokenizer = load_tokenizer(tmp_path / "raw")
    assert all(len(ids) == 1 for ids in label_tokens(tokenizer, ["positive", "negative"]).values())
    with pytest.raises(ValueError, match="cannot write the label word '好'"):
        label_tokens(tokenizer, ["positive", "好"])
