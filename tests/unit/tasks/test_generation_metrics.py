"""Metrics of written answers against values worked out by hand, and what holds of all of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from peftport.tasks.generation.metrics import METRICS, best, last_number, normalised

WORDS = some.lists(some.sampled_from(["the", "cat", "Sat", "on", "a", "mat.", "12", "$1,000", "####"]), max_size=6)


@pytest.mark.parametrize(
    ("metric", "written", "right", "value"),
    [
        ("exact_match", "The cat, sat!", "cat sat", 1.0),
        ("exact_match", "cats sat", "cat sat", 0.0),
        ("exact_match", "", "cat", 0.0),
        # 2 of 3 words of the one, 2 of 4 of the other: 2 * 2 / (3 + 4)
        ("token_f1", "the black cat sat", "cat sat over there", 4 / 7),
        ("token_f1", "cat cat cat", "cat", 2 * 1 / (3 + 1)),
        ("token_f1", "", "the", 1.0),  # an article is no word
        ("token_f1", "", "cat", 0.0),
        ("number_match", "so she makes $1,018.00 a day.", "9 * 2 = 18\n#### 1018", 1.0),
        ("number_match", "first 5, then 18", "#### 18", 1.0),
        ("number_match", "18, or is it 5", "#### 18", 0.0),
        ("number_match", "none", "#### 18", 0.0),
        ("number_match", "-3", "3", 0.0),
        # longest common subsequence `the cat the mat`: precision 4/5, recall 4/6, F = 2 * 4 / (5 + 6)
        ("rouge_l", "the cat saw the mat", "the cat sat on the mat", 8 / 11),
        ("rouge_l", "mat the", "the mat", 0.5),
        ("rouge_l", "", "the mat", 0.0),
    ],
)
def test_by_hand(metric, written, right, value):
    assert METRICS[metric](written, right) == pytest.approx(value)


def test_numbers_are_read_as_they_are_written():
    said = ["it is 7.50.", "1,234", "$3", "-4", "x", "#### 5 of 6", "#### none, 4"]
    assert [number if number is None else float(number) for number in map(last_number, said)] == [
        *(7.5, 1234, 3, -4, None, 5, 4)
    ]
    assert normalised("An  apple; the PIE-chart") == "apple piechart"


def test_of_several_right_completions_the_nearest_counts():
    assert best("rouge_l", "the mat", ["a dog", "the mat", "the"]) == 1.0
    assert best("token_f1", "cat", ["dog", "cat sat"]) == pytest.approx(2 / 3)


@settings(max_examples=60, deadline=None)
@given(WORDS.map(" ".join), some.lists(WORDS.map(" ".join), min_size=1, max_size=3))
def test_every_metric_is_a_share_and_more_completions_never_hurt(written, right):
    for name, metric in METRICS.items():
        values = [metric(written, one) for one in right]
        assert all(0 <= value <= 1 for value in values)
        assert best(name, written, right) == max(values)
        assert best(name, written, [*right, written]) >= max(values)
    assert METRICS["token_f1"](written, right[0]) == METRICS["token_f1"](right[0], written)
    assert METRICS["exact_match"](written, right[0]) <= METRICS["token_f1"](written, right[0])
