from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from peftport.prompting.batches import encode, mask_of, pad, special_tokens, test_order, training_order

test_order.__test__ = False  # pytest would take it for a test

LENGTHS = some.lists(some.integers(1, 60), min_size=1, max_size=150).map(np.asarray)


def order(lengths, batch_size, seed=0):
    return training_order(lengths, batch_size, np.random.default_rng(seed))


@given(LENGTHS, some.integers(1, 12), some.integers(0, 5), some.integers(1, 20))
def test_a_shorter_training_sees_the_first_batches_of_a_longer(lengths, batch_size, seed, count):
    """However the two are drawn: one after the other, or with pauses."""
    whole = list(islice(order(lengths, batch_size, seed), 40))
    first = order(lengths, batch_size, seed)
    pieces = [*islice(first, count), *islice(first, count)]
    assert all((left == right).all() for left, right in zip(whole, pieces, strict=False))


@given(LENGTHS, some.integers(1, 12))
def test_every_epoch_covers_all_whole_batches_once(lengths, batch_size):
    size = min(batch_size, len(lengths))
    batches = len(lengths) // size
    drawn = order(lengths, batch_size)
    for _ in range(3):
        epoch = list(islice(drawn, batches))
        assert {len(batch) for batch in epoch} == {size}
        seen = np.concatenate(epoch)
        assert len(set(seen)) == len(seen) == batches * size


def test_every_example_is_met_in_the_long_run():
    met = set(np.concatenate(list(islice(order(np.arange(1, 24), 5), 60))))
    assert met == set(range(23))


def test_batches_hold_examples_of_like_length():
    """A pool of 16 batches is sorted, so a batch spans about a sixteenth of the lengths."""
    lengths = np.random.default_rng(3).permutation(160)
    spans = [np.ptp(lengths[batch]) for batch in islice(order(lengths, 10), 32)]
    assert max(spans) == 9
    shuffled = np.random.default_rng(0).permutation(160).reshape(16, 10)
    assert min(np.ptp(lengths[batch]) for batch in shuffled) > 50


def test_neither_epochs_nor_batches_come_in_the_order_of_length():
    lengths = np.arange(160)
    drawn = order(lengths, 10)
    first, second = ([tuple(batch) for batch in islice(drawn, 16)] for _ in range(2))
    assert first != second and sorted(first) == sorted(second)
    starts = [batch[0] for batch in first]
    assert starts != sorted(starts) and starts != sorted(starts, reverse=True)


def test_the_order_depends_on_the_generator_only():
    lengths = np.random.default_rng(0).integers(1, 9, 50)
    first, again, other = (list(islice(order(lengths, 4, seed), 12)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@given(LENGTHS, some.integers(1, 50))
def test_tests_cover_every_example_once_longest_first(lengths, batch_size):
    batches = test_order(lengths, batch_size)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert (np.diff(lengths[np.concatenate(batches)]) <= 0).all()


def test_rows_are_filled_up_on_the_right():
    padded = pad([np.asarray([5]), np.asarray([6, 7, 8])], -100)
    assert padded.tolist() == [[5, -100, -100], [6, 7, 8]]
    assert padded.dtype == np.int64


class Letters:
    """A tokenizer: one token per letter, a beginning and an end."""

    def __call__(self, texts, add_special_tokens=True, return_offsets_mapping=False, split_special_tokens=False):
        if isinstance(texts, str):
            ids = [*map(ord, texts)]
            return {"input_ids": [0, *ids, 1] if add_special_tokens else ids}
        assert not add_special_tokens and split_special_tokens and return_offsets_mapping
        places = [[(at, at + 1) for at in range(len(text))] for text in texts]
        return {"input_ids": [[*map(ord, text)] for text in texts], "offset_mapping": places}


def read(rows):
    return [("".join(map(chr, row.tokens)), row.cut) for row in rows]


def test_what_is_too_long_loses_the_end_of_its_text_and_none_of_its_template():
    texts = ["xy", "abcdefgh", "{text}"]
    assert read(encode(Letters(), "<{text}>!", texts, 7)) == [("<xy>!", 0), ("<abcd>!", 4), ("<{tex>!", 2)]
    assert read(encode(Letters(), "{text}", texts, 4)) == [("xy", 0), ("abcd", 4), ("{tex", 2)]
    assert read(encode(Letters(), "a part without", [""], 20)) == [("a part without", 0)]


@pytest.mark.parametrize(("part", "most"), [("<{text}>", 2), ("<{text}>", 1), ("<>", 1)])
def test_a_template_that_leaves_no_room_is_refused(part, most):
    with pytest.raises(ValueError, match=rf"takes 2 tokens, and {most} have room: raise max_tokens"):
        encode(Letters(), part, ["abcd"], most)


def test_what_a_tokenizer_puts_around_a_text():
    assert special_tokens(Letters()) == ([0], [1])


def test_rows_may_be_filled_up_on_the_left():
    rows = [np.asarray([5]), np.asarray([6, 7, 8])]
    assert pad(rows, 0, left=True).tolist() == [[0, 0, 5], [6, 7, 8]]
    assert mask_of(rows, left=True).tolist() == [[0, 0, 1], [1, 1, 1]]
    assert mask_of(rows).tolist() == [[1, 0, 0], [1, 1, 1]]


def test_seeds_have_batches_of_like_length_at_the_same_step():
    """So that they can train together without much padding; which examples they hold is each seed's own."""
    lengths = np.random.default_rng(3).integers(5, 60, 640)
    one, other = (list(islice(order(lengths, 10, seed), 48)) for seed in (0, 1))
    apart = [abs(lengths[left].mean() - lengths[right].mean()) for left, right in zip(one, other, strict=True)]
    assert max(apart) < 10
    shared = [len(set(left) & set(right)) for left, right in zip(one, other, strict=True)]
    assert np.mean(shared) < 2
