"""Tokens that vocabularies of different tokenizers share."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from peftport.hosts.locate import bundled_folder
from peftport.maps.tokens import NoVocabulary, shared_tokens, surfaces, too_few, vocabulary
from tests.graded import pair_of

SPECIAL = [{"id": 0, "content": "<pad>"}, {"id": 9, "content": "<extra_id_0>"}]
UNIGRAM = {"added_tokens": SPECIAL, "model": {"type": "Unigram"}}
UNIGRAM["model"]["vocab"] = [
    [token, -1.0] for token in ("<pad>", "\u2581the", "ing", "<0x0A>", "\u2581caf\u00e9", "the")
]
BYTES = {
    "added_tokens": [{"id": 0, "content": "<|end|>"}],
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}]},
    "model": {
        "type": "BPE",
        "vocab": {"<|end|>": 0, "\u0120the": 1, "the": 2, "ing": 3, "\u0120caf\u00c3\u00a9": 4, "\u00c3": 5},
    },
}
PIECES = {"model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "[unused1]": 1, "the": 2, "##ing": 3, "##the": 4}}}
EXPECTED = {
    "unigram": {" the": 1, "ing": 2, " caf\u00e9": 4, "the": 5},
    "bytes": {" the": 1, "the": 2, "ing": 3, " caf\u00e9": 4},
}
EXPECTED["pieces"] = {" the": 2, "ing": 3, "the": 4}
SAID = {"unigram": UNIGRAM, "bytes": BYTES, "pieces": PIECES}


@pytest.fixture
def folder(tmp_path):
    def make(name, said):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer.json").write_text(json.dumps(said))
        return tmp_path / name

    return make


def end(folder, rows=100):
    return SimpleNamespace(files=SimpleNamespace(folder=folder), embedding_shape=lambda: (rows, 4))


@pytest.mark.parametrize("kind", SAID)
def test_the_surface_of_a_token_is_the_text_that_it_stands_for(kind, folder):
    assert surfaces(folder(kind, SAID[kind])) == EXPECTED[kind]


@pytest.mark.parametrize(("first", "second"), [("unigram", "bytes"), ("bytes", "pieces"), ("pieces", "unigram")])
def test_tokens_of_different_tokenizers_meet_by_their_surface(first, second, folder):
    ids = shared_tokens(end(folder(first, SAID[first])), end(folder(second, SAID[second])))
    common = EXPECTED[first].keys() & EXPECTED[second].keys()
    pairs = {(EXPECTED[first][text], EXPECTED[second][text]) for text in common}
    assert set(zip(*(side.tolist() for side in ids), strict=True)) == pairs
    assert (np.diff(ids[1]) > 0).all()


def test_a_tokenizer_shares_all_tokens_with_itself(folder):
    """Special ones too, and none that the smaller table of embeddings has no row for."""
    same = folder("one", UNIGRAM), folder("two", UNIGRAM)
    source, target = shared_tokens(end(same[0]), end(same[1], rows=5))
    assert source.tolist() == target.tolist() == [0, 1, 2, 3, 4]
    assert vocabulary(same[0])["<extra_id_0>"] == 9


def test_equal_files_share_all_rows_where_they_cannot_be_read(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spiece.model").write_bytes(b"pieces")
    source, target = shared_tokens(end(tmp_path / "one"), end(tmp_path / "two", rows=7))
    assert source.tolist() == target.tolist() == list(range(7))


def test_the_shipped_tokenizer_has_a_surface_for_almost_every_token():
    folder = bundled_folder("reviews-raw")
    texts = surfaces(folder)
    assert len(vocabulary(folder)) - len(texts) < 150
    assert " movie" in texts


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [("vocab.txt", "[PAD]\nthe\n##ing", {" the": 1, "ing": 2}), ("vocab.json", '{"\u0120the": 7}', {" the": 7})],
)
def test_older_files_are_read_too(name, text, expected, tmp_path):
    (tmp_path / name).write_text(text)
    assert surfaces(tmp_path) == expected


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model": {"vocab": 3}}', '{"model": {"vocab": {"a": "b"}}}'])
def test_a_damaged_tokenizer_is_named(text, tmp_path):
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(NoVocabulary, match=r"tokenizer.json: expected a tokenizer's vocabulary"):
        surfaces(tmp_path)


def test_a_host_without_readable_tokenizer_is_told_what_is_read(tmp_path):
    (tmp_path / "spiece.model").write_text("")
    with pytest.raises(
        NoVocabulary, match=r"expected one of tokenizer.json, vocab.json, vocab.txt .* got spiece.model"
    ):
        surfaces(tmp_path)


def test_too_few_shared_tokens_are_counted():
    pair = pair_of("same", "t5")
    assert too_few(32, pair.source.card, pair.target.card) is None
    message = too_few(20, pair.source.card, pair.target.card)
    assert message.startswith("the vocabularies of 'source' and 'target' share 20 tokens, 12 too few")
    assert "at least 32, and 128 to be good" in message
