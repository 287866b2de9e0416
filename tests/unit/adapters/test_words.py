"""Label words in the tokenizers of both hosts: planted faults are named, and tokens are those of transformers."""

import json
import shutil

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from peftport.adapters.check import check
from peftport.adapters.command import check_command
from peftport.paths import CHECKOUT
from peftport.prompting.label_words import tokens_behind
from peftport.storage.cards import write_card
from tests.adapters import copied, host_on_disk, lora_on_disk

PIECES = ["[UNK]", "answer", ":", "good", "bad", "go", "ba", "##od", "##d", "##dish"]
WORDS = ("good", "bad")
BUNDLED = CHECKOUT / "src/peftport/hosts/bundled/reviews-raw"


def save_tokenizer(folder, without=()):
    """Write a tokenizer of word pieces into a folder, without some of them."""
    pieces = {piece: place for place, piece in enumerate(piece for piece in PIECES if piece not in without)}
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.enable_truncation(1)  # a setting of others' files, which must not cut words short
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture
def told(tmp_path, tmp_path_factory):
    """Checks a sound LoRA with label words, where tokenizers lack some pieces; returns the verdict and its lines."""
    bare, adapter = host_on_disk(tmp_path_factory, "llama"), lora_on_disk(tmp_path_factory, "llama")

    def told(before, now, words=WORDS, adapter=adapter):
        for name, without in (("old", before), ("new", now)):
            shutil.copytree(bare, tmp_path / name)
            if without is not None:
                save_tokenizer(tmp_path / name, without)
        report = check(adapter, tmp_path / "new", tmp_path / "old", words=words)
        return report.verdict, [(one.level, one.line) for one in report.reasons if one.check == "words"]

    return told


KEPT = ("same", "the label words have the tokens that they have in the host before")
WHOLE = ("same", "the host can write the label words, each with a first token of its own (tokens: good 1, bad 1)")
# pieces that the tokenizers lack, before and now; the words; verdict and lines
PLANTED = {
    "nothing": ((), (), WORDS, "same", [WHOLE, KEPT]),
    "a word that falls apart": (
        *((), ("good",), WORDS, "copy"),
        [
            ("same", WHOLE[1].replace("good 1", "good 2")),
            ("copy", "label words that the host before writes with other tokens: good good then go, ##od now"),
        ],
    ),
    "a word that cannot be written": (
        *((), ("good", "go"), WORDS, "impossible"),
        [("impossible", "label words that the tokenizer of the host cannot write: good")],
    ),
    "a word that could not be written": (
        *(("bad", "ba"), (), WORDS, "copy"),
        [
            WHOLE,
            (
                "copy",
                "label words that the tokenizer of the host before cannot write, so the adapter never answered them: "
                "bad",
            ),
            KEPT,
        ],
    ),
    "words that begin alike": (
        *(("bad",), ("bad",), ("bad", "badish"), "copy"),
        [
            (
                "copy",
                "label words begin with one token in the host, so the first token alone does not tell them apart "
                "(tokens: bad 2, badish 2)",
            )
        ],
    ),
    "a word that begins another": (
        *((), (), ("bad", "baddish"), "impossible"),
        [("impossible", "label words of which one begins the other in the host, so that")],
    ),
    "no tokenizer now": ((), None, WORDS, "copy", [("copy", "the host has no tokenizer.json that can be read")]),
    "no tokenizer before": (
        *(None, (), WORDS, "copy"),
        [WHOLE, ("copy", "the host before has no tokenizer.json that can be read")],
    ),
}


@pytest.mark.parametrize(("before", "now", "words", "verdict", "lines"), PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_of_label_words_is_named(before, now, words, verdict, lines, told):
    found, there = told(before, now, words)
    assert found == verdict
    for (level, line), (expected, text) in zip(there, lines, strict=False):
        assert level == expected and line.startswith(text), there
    assert len(there) >= len(lines)


@pytest.mark.parametrize("lead", ["", "answer: "])
def test_tokens_are_those_that_a_study_scores(lead):
    from peftport.adapters.checks.words import _written

    words = ("positive", "negative", "great", "terrible")
    tokenizer = AutoTokenizer.from_pretrained(BUNDLED)
    expected = tokens_behind(tokenizer, list(words), lead)
    written = _written(BUNDLED, words, alone=not lead)
    assert [written[word].tokens for word in words] == [tuple(tokenizer.convert_ids_to_tokens(ids)) for ids in expected]
    assert all(part.whole for part in written.values())
    assert not _written(BUNDLED, ("\N{SNOWMAN}",), alone=not lead)["\N{SNOWMAN}"].whole


def test_words_come_from_a_card_that_assess_wrote(told, tmp_path, tmp_path_factory):
    adapter = copied(lora_on_disk(tmp_path_factory, "llama"), tmp_path / "adapter")
    write_card(adapter / "card.json", {"label_words": ["good", "bad"]})
    assert told((), ("good",), (), adapter)[1][1][1].startswith("label words that the host before writes with other")


def test_words_are_given_by_a_flag(tmp_path, tmp_path_factory, capsys):
    adapter, host = lora_on_disk(tmp_path_factory, "llama"), host_on_disk(tmp_path_factory, "llama")
    shutil.copytree(host, tmp_path / "host")
    save_tokenizer(tmp_path / "host", ("bad", "ba"))
    given = [str(adapter), "--onto", str(tmp_path / "host"), "--json"]
    assert check_command([*given, "--label-words", "good, bad"]) == 5
    (line,) = (one for one in json.loads(capsys.readouterr().out)["reasons"] if one["check"] == "words")
    assert (line["level"], line["names"]) == ("impossible", ["bad"])
    assert check_command(given) == 0
    assert not [one for one in json.loads(capsys.readouterr().out)["reasons"] if one["check"] == "words"]
    with pytest.raises(SystemExit, match="2"):
        check_command([*given, "--label-words", "good"])
