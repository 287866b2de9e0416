"""The rates of a technique's entry, and which of several is taken."""

import math

import pytest

from peftport.study.learning_rates import best_rate, learning_rates


@pytest.mark.parametrize(
    ("given", "rates"), [(0.01, [0.01]), ([0.01], [0.01]), ([0.01, 0.001, 0.1], [0.001, 0.01, 0.1]), (1, [1])]
)
def test_one_or_a_list_in_any_order(given, rates):
    assert learning_rates(given) == rates


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ({0.1: -3.0, 0.2: -1.0, 0.3: -2.0}, 0.2),
        ({0.3: -1.0, 0.1: -1.0, 0.2: -1.0}, 0.1),
        ({0.1: None, 0.2: -900.0, 0.3: None}, 0.2),
        ({0.3: None, 0.2: None}, 0.2),
        ({0.1: math.nan, 0.2: -5.0}, 0.2),
        ({0.1: -5.0, 0.2: math.inf}, 0.1),
        ({0.4: None}, 0.4),
    ],
)
def test_the_best_and_the_smallest_of_equals_and_no_failed_one(found, best):
    assert best_rate(found) == best
