"""How many examples of each dataset a mixture has, and which: laws over random sizes and weights."""

from collections import Counter

import numpy as np
import pytest

from peftport.data.mixture import drawn, numbers

RANDOM = np.random.default_rng(7)
NAMES = ("a", "b", "c", "d")
CASES = [
    (
        {name: int(size) for name, size in zip(NAMES[:members], RANDOM.integers(5, 400, members), strict=True)},
        {name: float(weight) for name, weight in zip(NAMES[:members], RANDOM.uniform(0.2, 4, members), strict=True)},
        examples,
    )
    for members in (2, 3, 4)
    for examples in (None, 60, 997)
    for _ in range(20)
]


@pytest.mark.parametrize(("sizes", "weights", "examples"), CASES)
def test_numbers_add_up_and_each_is_next_to_its_share(sizes, weights, examples):
    found = numbers(sizes, weights, examples)
    whole, total = sum(weights.values()), sum(found.values())
    assert list(found) == list(weights) and (examples is None or total == examples)
    for name, number in found.items():
        assert abs(number - total * weights[name] / whole) < 1
    if examples is None:
        assert all(found[name] <= sizes[name] for name in sizes)
        more = numbers(sizes, weights, total + 1)
        exact = {name: (total + 1) * weights[name] / whole for name in sizes}
        assert any(exact[name] > sizes[name] for name in sizes) and sum(more.values()) == total + 1


def test_whole_shares_are_exact_whatever_the_division_says():
    assert numbers({"a": 30, "b": 70}, {"a": 0.3, "b": 0.7}) == {"a": 30, "b": 70}
    assert numbers({"a": 4000, "b": 4000}, {"a": 1, "b": 2}) == {"a": 2000, "b": 4000}
    assert numbers({"a": 9, "b": 9, "c": 9}, {"a": 1, "b": 1, "c": 1}, 10) == {"a": 4, "b": 3, "c": 3}


def test_a_member_that_would_give_nothing_is_refused():
    with pytest.raises(ValueError, match="10 examples in the proportion of the weights leave none of a"):
        numbers({"a": 50, "b": 50}, {"a": 1, "b": 1000}, 10)


@pytest.mark.parametrize(("size", "number"), [(7, 3), (7, 7), (7, 16), (1, 4), (40, 41)])
def test_no_example_comes_twice_before_all_have_come_once(size, number):
    places = drawn(size, number, 3, "train/film")
    assert len(places) == number and set(places) <= set(range(size))
    for begin in range(0, number, size):
        assert len(set(places[begin : begin + size])) == len(places[begin : begin + size])
    counts = Counter(places.tolist())
    assert max(counts.values()) - min(counts.get(place, 0) for place in range(size)) <= 1
    assert drawn(size, number + 5, 3, "train/film")[:number].tolist() == places.tolist()


def test_seed_and_purpose_decide_the_draw():
    first = drawn(100, 50, 0, "train/film").tolist()
    assert first == drawn(100, 50, 0, "train/film").tolist()
    assert first != drawn(100, 50, 1, "train/film").tolist() and first != drawn(100, 50, 0, "train/book").tolist()
