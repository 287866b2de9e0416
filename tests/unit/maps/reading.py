"""Hosts of the ladder that read texts: tokenizers of words, texts, and pairs with moments."""

import functools
from types import SimpleNamespace

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from peftport.hosts.families.table import family
from peftport.maps.moments import Gathered
from peftport.maps.moments_reader import Reader
from peftport.maps.pair import End, Pair
from tests.graded import step_of
from tests.tiny import VOCABULARY, card, tensors


def words(order=None):
    """A tokenizer of the words ``w0``, ``w1``, ... whose ids are in this order; -1 for those it does not know."""
    order = np.arange(VOCABULARY) if order is None else order
    vocabulary = {f"w{word}": int(place) for word, place in enumerate(order) if place >= 0}
    spare = (place for place in range(VOCABULARY) if place not in set(vocabulary.values()))
    vocabulary |= {f"x{place}": place for place in spare}
    unknown = min(vocabulary, key=vocabulary.get)
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=unknown))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=unknown)


def texts(count=64, length=12, seed=11):
    """Texts of random words."""
    drawn = np.random.default_rng(seed).integers(3, VOCABULARY, (count, length))
    return [" ".join(f"w{word}" for word in row) for row in drawn]


def end(host, name="host"):
    """A host in memory as an end of a pair: what is read of its files is what it holds."""
    values = tensors(host)
    files = SimpleNamespace(
        model_type=host.config.model_type,
        family=family(host.config.model_type),
        tensors={name: SimpleNamespace(shape=value.shape) for name, value in values.items()},
        weights=lambda names: {name: values[name] for name in names},
        rows=lambda name, first, last: values[name][first:last],
    )
    return End(card(host, name), files)


def gathered(source, target, read, tokenizers=(None, None), rows=10**6):
    """Moments of two hosts in memory on texts."""
    readers = [
        Reader(end(h), h, words() if t is None else t) for h, t in zip((source, target), tokenizers, strict=True)
    ]
    return Gathered(*readers, read, rows)


@functools.cache
def pair_of(name, kind, count=64):
    """A rung as a pair with moments, of so many texts."""
    step = step_of(name, kind)
    moments = gathered(step.source, step.target, texts(count), (words(), words(step.tokens)))
    known = np.flatnonzero(step.tokens >= 0)
    ends = end(step.source, "source"), end(step.target, "target")
    return Pair(*ends, lambda: (known, step.tokens[known]), lambda: moments)
