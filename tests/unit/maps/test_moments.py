"""Moments of tiny hosts against sums by hand, across tokenizers, in one pass or several; and likeness of layers."""

import dataclasses

import numpy as np
import pytest
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Sequence, Split, WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from peftport.maps import moments
from peftport.maps.correspondence import Space
from peftport.maps.layers import rising
from peftport.maps.spaces import EMBEDDING, STREAM, Place
from tests.ladder import ones, rotation, rung
from tests.reshaped import Change, changed, deeper
from tests.tiny import Sizes, build, host, tensors
from tests.unit.maps.reading import gathered, texts, words

READ = Space("read", "encoder", "self", 0, 0)


def normed(rows):
    return rows / np.sqrt((rows**2).mean(1, keepdims=True))


def ids_of(read):
    return [np.array([int(word[1:]) for word in text.split()]) for text in read]


def test_texts_that_say_nothing_are_none():
    step = rung("same", "t5")
    with pytest.raises(ValueError, match="has no training texts"):
        gathered(step.source, step.target, ["", "  "])


def test_products_are_those_of_the_texts_that_are_fitted_to_and_every_fifth_is_held_out():
    step = rung("permuted", "t5")
    read = [" ".join(text.split()[: 3 + n % 5]) for n, text in enumerate(texts(23))]  # of unequal lengths
    [found] = gathered(step.source, step.target, read).collect([[READ, Space(EMBEDDING)]], grams=True)
    tables = [tensors(model)["shared.weight"] for model in (step.source, step.target)]
    rows = ids_of(read)
    fitted = np.concatenate([own for n, own in enumerate(rows) if n % 5 != 4])
    held = np.concatenate([own for n, own in enumerate(rows) if n % 5 == 4])
    cross = found[READ]
    source, target = (normed(table[fitted]) for table in tables)
    assert cross.rows == len(fitted)
    np.testing.assert_allclose(cross.product, target.T @ source, atol=1e-10)
    np.testing.assert_allclose(cross.source.gram, source.T @ source, atol=1e-10)
    np.testing.assert_allclose(cross.target.held, normed(tables[1][held]), atol=1e-12)
    np.testing.assert_allclose(found[Space(EMBEDDING)].product, tables[1][fitted].T @ tables[0][fitted], atol=1e-10)
    expected = np.corrcoef(target.T, source.T)[:32, 32:]
    np.testing.assert_allclose(cross.correlation(), expected, atol=1e-10)


def letters():
    """A tokenizer that knows the digits of a word by themselves."""
    vocabulary = {letter: 3 + place for place, letter in enumerate("w0123456789")} | {"[UNK]": 0}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Sequence([WhitespaceSplit(), Split(Regex("."), "isolated")])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


@pytest.mark.parametrize(("kind", "of"), [("llama", "last"), ("bert", "mean")])
def test_a_word_is_its_last_token_of_a_causal_host_and_the_mean_of_its_tokens_of_another(kind, of):
    model, cut = host(kind), letters()
    read = texts(4)
    [found] = gathered(model, model, read, (words(), cut)).collect([[Space(EMBEDDING)]])
    name = "embed_tokens.weight" if kind == "llama" else "embeddings.word_embeddings.weight"
    table, product = tensors(model)[name], 0.0
    for word in " ".join(read).split():
        parts = table[cut(word)["input_ids"]]
        product = product + np.outer(parts[-1] if of == "last" else parts.mean(0), table[int(word[1:])])
    np.testing.assert_allclose(found[Space(EMBEDDING)].product, product, atol=1e-9)


def test_a_decoder_behind_an_encoder_and_one_alone_read_the_same_tokens():
    """The first reads the first half of a text, behind a token that is no row."""
    pair, read = (host("t5"), host("llama")), texts(3)
    [found] = gathered(*pair, read).collect([[Space(EMBEDDING), Space("read", "decoder", "self", 0, 2)]])
    ids = np.concatenate([own[:6] for own in ids_of(read)])
    source, target = tensors(pair[0])["shared.weight"][ids], tensors(pair[1])["embed_tokens.weight"][ids]
    np.testing.assert_allclose(found[Space(EMBEDDING)].product, target.T @ source, atol=1e-9)
    np.testing.assert_allclose(
        found[Space("read", "decoder", "self", 0, 2)].target.squares, (normed(target) ** 2).sum(0)
    )


def test_several_passes_give_what_one_does(monkeypatch):
    step = rung("folded", "t5")
    made = gathered(step.source, step.target, texts(6))
    groups = [[READ], [Space("units", "decoder", "feed_forward", 2, 1), Space("k", "decoder", "cross", 0, 2)]]
    whole = list(made.collect(groups))
    monkeypatch.setattr(moments, "MEMORY", 1)
    passes = []
    monkeypatch.setattr(
        made, "_pass", lambda groups, grams, run=made._pass: passes.append(groups) or run(groups, grams)
    )
    for one, other in zip(whole, made.collect(groups), strict=True):
        assert one.keys() == other.keys()
        for space in one:
            np.testing.assert_array_equal(one[space].product, other[space].product)
    assert len(passes) == 2
    assert whole[1][groups[1][0]].product.shape == (48, 48)


def test_no_more_texts_are_read_than_the_rows_take():
    step = rung("same", "t5")
    made = gathered(step.source, step.target, texts(96), rows=100)
    assert len(made.batches) == 2  # sixteen texts have 78 rows in the decoder that are fitted to


@pytest.fixture(scope="module")
def inserted():
    """A host of four layers, and with layers at 1 and 4 that write nothing; and the same rotated."""
    four = dataclasses.replace(Sizes(), layers=4)
    source = build("t5", four, seed=2)
    big, _ = deeper("t5", source, four, at=1)
    big, _ = deeper("t5", big, dataclasses.replace(four, layers=5), at=4)
    six = dataclasses.replace(four, layers=6)
    return source, big, changed("t5", big, six, Change(rotation(32), gain=ones))[0]


@pytest.mark.parametrize("which", [1, 2])
def test_what_layers_write_tells_which_were_inserted(inserted, which):
    made = gathered(inserted[0], inserted[which], texts(32))
    for stack in ("encoder", "decoder"):
        found = made.similarity(stack)
        assert rising(found, nearest=False) == (((0, 1.0),), (), ((1, 1.0),), ((2, 1.0),), (), ((3, 1.0),))
        np.testing.assert_allclose(found[[0, 2, 3, 5], range(4)], 1, atol=1e-5)
        assert not found[[1, 4]].any()
        assert found.max() <= 1 + 1e-9


def test_streams_tie_where_a_layer_writes_nothing(inserted):
    """The trap for which writes are compared: a stream is the same before and behind such a layer."""
    made = gathered(inserted[0], inserted[1], texts(16))
    keys = [[(STREAM, Place("encoder", layer, "self")) for layer in range(count)] for count in (4, 6)]
    states = made._states(made.batches[0], *keys)
    grams = [
        np.stack([moments._gram([own[key]]).numpy() for key in side]) for own, side in zip(states, keys, strict=True)
    ]
    grams = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in grams]
    likeness = grams[1] @ grams[0].T
    assert abs(likeness[1, 1] - likeness[2, 1]) < 1e-9
    assert rising(likeness, nearest=False) != (((0, 1.0),), (), ((1, 1.0),), ((2, 1.0),), (), ((3, 1.0),))
