"""From examples to batches: prompts become token ids, and batches of like length are drawn in a seeded order."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from peftport.prompting.template import TEXT_SLOT, render
from peftport.seeds import generator

POOL_BATCHES = 16
IGNORED = -100  # no label here: the loss of transformers passes over it


class Prompt(NamedTuple):
    """What a host reads of one example.

    Attributes:
        tokens: token ids, shape (tokens,).
        cut: tokens of its text that had no room and were left out.
    """

    tokens: np.ndarray
    cut: int


def encode(tokenizer, part: str, texts: list[str], most: int, special: bool = False) -> list[Prompt]:
    """A template, or a part of one, with each text in it, and no special tokens around it.

    What is too long loses tokens from the end of its text, never of the template. Special tokens that are written out
    in a text (``[MASK]``) are text.

    Args:
        tokenizer: the host's tokenizer; it must know where in a text its tokens stand.
        part: with or without a ``{text}``.
        most: largest number of tokens.
        special: whether those that are written out in the template are special tokens, as a chat template means them.

    Raises:
        ValueError: not even one token of a text has room.
    """
    before, _, _ = part.partition(TEXT_SLOT)
    found = tokenizer(
        [render(part, text) for text in texts],
        add_special_tokens=False,
        return_offsets_mapping=True,
        split_special_tokens=not special,
    )
    spelt = _spelt(tokenizer, part) if special else {}
    rows = []
    for text, ids, places in zip(texts, found["input_ids"], found["offset_mapping"], strict=True):
        begin, end = len(before), len(before) + len(text)
        if special and not spelt.keys().isdisjoint(ids):
            ids, places = _as_text(ids, places, begin, end, spelt)
        if (surplus := len(ids) - most) > 0:
            of_text = [at for at, place in enumerate(places) if begin <= place[0] and place[1] <= end]
            if TEXT_SLOT not in part or surplus >= len(of_text):
                raise ValueError(
                    f"template {part!r} takes {len(ids) - len(of_text)} tokens, and {most} have room: raise max_tokens"
                )
            cut = set(of_text[-surplus:])
            ids = [token for at, token in enumerate(ids) if at not in cut]
        rows.append(Prompt(np.asarray(ids, np.int64), max(surplus, 0)))
    return rows


def _spelt(tokenizer, part: str) -> dict[int, list[int]]:
    """Tokens that a template may mean as special ones, to what their letters are as text.

    These are the special tokens, and further ones of the tokenizer that stand in the template; the same that
    transformers' ``sanitize_control_tokens`` takes for such.
    """

    def within(text: str) -> list[int]:
        """Its tokens as in the middle of a line, where no tokenizer puts a blank before it."""
        found = tokenizer(f"\n{text}", add_special_tokens=False, return_offsets_mapping=True, split_special_tokens=True)
        return [token for token, place in zip(found["input_ids"], found["offset_mapping"], strict=True) if place[1] > 1]

    added = {index: token.content for index, token in tokenizer.added_tokens_decoder.items()}
    return {
        index: within(word[:1]) + within(word[1:])  # in two parts nothing takes it for the token
        for index, word in added.items()
        if tokenizer.added_tokens_decoder[index].special or (word in part and not word.isspace())
    }


def _as_text(
    ids: list[int], places: list[tuple[int, int]], begin: int, end: int, spelt: dict[int, list[int]]
) -> tuple[list[int], list[tuple[int, int]]]:
    """Tokens and places of a prompt, with the special tokens between two places as text."""
    pairs = [
        (token, place)
        for index, place in zip(ids, places, strict=True)
        for token in (spelt[index] if index in spelt and begin <= place[0] and place[1] <= end else [index])
    ]
    return [token for token, _ in pairs], [place for _, place in pairs]


def special_tokens(tokenizer) -> tuple[list[int], list[int]]:
    """What the tokenizer puts before and after every text."""
    bare, dressed = tokenizer("a", add_special_tokens=False)["input_ids"], tokenizer("a")["input_ids"]
    begin = next(at for at in range(len(dressed)) if dressed[at : at + len(bare)] == bare)
    return dressed[:begin], dressed[begin + len(bare) :]


def pad(rows: list[np.ndarray], value: int, left: bool = False) -> np.ndarray:
    """Rows of unequal length as one (rows, longest) array, filled up on the right, or on the left."""
    padded = np.full((len(rows), max(map(len, rows))), value, np.int64)
    for index, row in enumerate(rows):
        begin = padded.shape[1] - len(row) if left else 0
        padded[index, begin : begin + len(row)] = row
    return padded


def mask_of(rows: list[np.ndarray], left: bool = False) -> np.ndarray:
    """1 where ``pad`` keeps a row's own tokens, 0 where it fills up."""
    return pad([np.ones(len(row), np.int64) for row in rows], 0, left)


def training_order(lengths: np.ndarray, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Indices of one batch after the other, without end: epochs are shuffled, batches hold examples of like length.

    An epoch leaves out the examples that fill no whole batch, others each time.
    The order does not depend on how many batches are drawn, so a shorter training sees the first batches of a longer.
    Which examples a batch holds is ``rng``'s; whether short or long ones come first is drawn once for all, so that
    trainings of several seeds have batches of like length at the same step and can share a pass without much padding.

    Args:
        lengths: tokens per example, shape (examples,).
    """
    examples, pool = len(lengths), batch_size * POOL_BATCHES
    batch_size, lengths_order = min(batch_size, examples), generator(0, "order", "lengths")
    while True:
        order = rng.permutation(examples)[: examples - examples % batch_size]  # sorted first, the longest would go
        for begin in range(0, examples, pool):
            near = order[begin : begin + pool]
            near = near[np.argsort(lengths[near], kind="stable")]
            whole_batches = [near[at : at + batch_size] for at in range(0, len(near) - batch_size + 1, batch_size)]
            for index in lengths_order.permutation(len(whole_batches)):
                yield whole_batches[index]


def test_order(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Indices of batches that cover every example once, longest first (so that a lack of memory shows at once)."""
    order = np.argsort(-lengths, kind="stable")
    return [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
