"""Span corruption and continuation: inputs and targets together give the segment back."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from peftport.host_building.span_corruption import Objective, cut_segments

SENTINELS, END = (3, 4, 5, 6), 1


def restore(inputs, targets):
    """The segment that a corrupted example was made from."""
    hidden, current = {}, None
    for token in targets[:-1]:
        if token in SENTINELS:
            current = hidden.setdefault(token, [])
        else:
            current.append(token)
    return [t for token in inputs[:-1] for t in hidden.get(token, [token])]


@settings(max_examples=300, deadline=None)
@given(
    length=st.integers(3, 80),
    share=st.floats(0.05, 0.6),
    mean=st.floats(1.0, 6.0),
    spans=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_corruption_hides_spans_and_loses_nothing(length, share, mean, spans, seed):
    segment = list(range(10, 10 + length))
    objective = Objective(share, mean, 0.0, SENTINELS[:spans], END)
    inputs, targets = objective.example(segment, np.random.default_rng(seed))
    assert inputs[-1] == targets[-1] == END
    assert restore(inputs, targets) == segment
    used = [t for t in inputs if t in SENTINELS]
    assert used == list(SENTINELS[: len(used)]) == [t for t in targets if t in SENTINELS] and used
    assert len(inputs) > len(used) + 1  # something stays
    assert all(not (a in SENTINELS and b in SENTINELS) for a, b in pairwise(inputs))
    assert all(not (a in SENTINELS and b in (*SENTINELS, END)) for a, b in pairwise(targets))


def test_hidden_share_is_near_the_wanted_one():
    objective = Objective(0.15, 3.0, 0.0, SENTINELS, END)
    random, segment = np.random.default_rng(0), list(range(10, 70))
    hidden = [sum(t >= 10 for t in objective.example(segment, random).targets) for _ in range(2000)]
    assert 0.10 < np.mean(hidden) / 60 < 0.18


def test_continuation_splits_the_segment():
    objective = Objective(0.15, 3.0, 1.0, SENTINELS, END)
    segment = list(range(10, 30))
    for seed in range(50):
        inputs, targets = objective.example(segment, np.random.default_rng(seed))
        assert inputs[:-1] + targets[:-1] == segment and len(inputs) > 1 and len(targets) > 1


def test_continuation_starts_a_sentence_where_it_can():
    objective = Objective(0.15, 3.0, 1.0, SENTINELS, END, full_stop=9)
    starts = {
        objective.example([10, 11, 9, 12, 9, 13, 9], np.random.default_rng(seed)).targets[0] for seed in range(50)
    }
    assert starts == {12, 13}


def test_segments_are_cut_and_short_ones_dropped():
    assert cut_segments([list(range(10)), [1, 2], list(range(4))], longest=8, shortest=4) == [
        list(range(8)),
        list(range(4)),
    ]
