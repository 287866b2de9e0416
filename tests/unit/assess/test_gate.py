"""Answers that change, and limits held against their intervals."""

import pandas as pd
import pytest

from peftport.assess.flips import Flips, flips
from peftport.assess.gate import CANNOT_TELL, EXIT, FAILED, PASSED, Limit, together


def answers(correct):
    """Predictions of one seed and budget, by whether each is right."""
    return pd.DataFrame({"example_id": [f"e{n}" for n in range(len(correct))], "correct": correct})


def test_flips_are_counted_example_by_example():
    before, after = answers([True, True, True, False, False]), answers([True, False, True, True, False])
    seen = flips(before, after.sample(frac=1, random_state=0))
    assert seen == Flips(lost=1, gained=1, right=2, wrong=1)
    assert (seen.share, seen.drop) == (0.2, 0.0)
    assert flips(answers([True] * 3 + [False]), answers([False] * 4)).drop == 0.75


def test_answers_to_other_examples_are_refused():
    with pytest.raises(ValueError, match="the same test examples"):
        flips(answers([True, False]), answers([True]))
    with pytest.raises(ValueError, match="the same test examples"):
        flips(answers([]), answers([]))


@pytest.mark.parametrize(
    ("quantity", "seen", "verdict"),
    [
        ("flips", Flips(0, 0, 100, 0), PASSED),  # up to 3.7%
        ("flips", Flips(0, 0, 60, 0), CANNOT_TELL),  # up to 6.0%
        ("flips", Flips(12, 0, 88, 0), FAILED),  # from 7.0%
        ("flips", Flips(8, 8, 84, 0), CANNOT_TELL),
        ("drop", Flips(0, 0, 100, 0), PASSED),
        ("drop", Flips(0, 0, 60, 0), CANNOT_TELL),
        ("drop", Flips(20, 4, 76, 0), FAILED),
        ("drop", Flips(20, 20, 60, 0), CANNOT_TELL),
        ("drop", Flips(0, 20, 80, 0), PASSED),
    ],
)
def test_a_limit_of_5_percent(quantity, seen, verdict):
    assert Limit(quantity, 0.05).verdict(seen) == verdict


def test_one_limit_that_fails_is_enough_and_no_limit_passes():
    assert together([]) == PASSED and EXIT[PASSED] == 0
    assert EXIT[together([PASSED, CANNOT_TELL])] == 3
    assert EXIT[together([CANNOT_TELL, FAILED, PASSED])] == 1


def test_what_would_tell():
    assert Limit("flips", 0.05).examples_needed(Flips(0, 0, 60, 0)) == 120
    assert Limit("flips", 0.05).examples_needed(Flips(5, 5, 90, 0)) is None  # the limit itself was seen


def test_few_examples_tell_only_large_drops():
    few, more = Flips(2, 2, 46, 50), Flips(32, 32, 736, 800)
    assert few.told > 0.03 > more.told > 0
