"""A host's card: what it says, what its fingerprints see, and label words that a likelihood could not tell apart."""

import re

import pytest
import torch

from peftport.hosts.card import combined_digest, describe_host, label_tokens
from peftport.hosts.load import load_model
from tests import studies

WORDS = ["positive", "negative"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosts")
    studies.save_hosts(folder)
    return folder


@pytest.fixture(scope="module")
def card(saved):
    return describe_host("raw", {"path": "somewhere"}, saved / "raw", WORDS)


class Tokenizer:
    """One token per entry of a table."""

    unk_token_id = 2

    def __init__(self, tokens):
        self.tokens = tokens

    def __call__(self, word, add_special_tokens):
        assert not add_special_tokens
        return {"input_ids": self.tokens[word]}


def test_it_says_what_the_host_is(saved, card):
    assert (card["host"], card["origin"], card["folder"]) == ("raw", {"path": "somewhere"}, str(saved / "raw"))
    assert card["commit"] is None
    assert (card["model_type"], card["gated_feed_forward"], card["separate_output_layer"]) == ("t5", True, True)
    shape = {"d_model": 16, "d_kv": 8, "d_ff": 32, "heads": 2, "encoder_layers": 2, "decoder_layers": 2}
    assert (shape | {"vocabulary": 400, "key_value_heads": 2}).items() == card["shape"].items()
    assert card["parameters"] == sum(tensor.numel() for tensor in load_model(saved / "raw").state_dict().values()) - (
        2 * 400 * 16  # the embeddings appear three times in the state, and once in the count
    )
    assert set(card["label_tokens"]) == set(WORDS)
    assert all(len(ids) == 1 for ids in card["label_tokens"].values())
    assert re.fullmatch("[0-9a-f]{64}", card["weights_sha256"])


def test_fingerprints_see_weights_and_tokenizer_apart(saved, card):
    other = describe_host("raw", {"path": "somewhere"}, saved / "instruct", WORDS)
    assert other["weights_sha256"] != card["weights_sha256"]
    assert other["tokenizer_sha256"] == card["tokenizer_sha256"]
    assert other["label_tokens"] == card["label_tokens"]


def test_a_card_is_the_same_every_time(saved, card):
    torch.manual_seed(1)
    assert describe_host("raw", {"path": "somewhere"}, saved / "raw", WORDS) == card


def test_digests_see_names_contents_and_order(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    two.write_text("y")
    digests = {combined_digest(files) for files in ([one], [two], [one, two], [two, one])}
    two.write_text("x")
    assert len(digests | {combined_digest([one, two]), combined_digest([two])}) == 6


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


def test_a_real_host_refuses_a_word_it_cannot_write(saved):
    with pytest.raises(ValueError, match="cannot write the label word '好'"):
        describe_host("raw", {}, saved / "raw", ["positive", "好"])
