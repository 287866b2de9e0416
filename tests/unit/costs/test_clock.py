"""Timing: who runs when, and what the ratios are of."""

import numpy as np
import torch

from peftport.costs.clock import in_turns, middle, ratio

CPU = torch.device("cpu")


def test_every_round_runs_everything_once_in_turn():
    order = []
    seconds = in_turns({name: lambda name=name: order.append(name) for name in "abc"}, 3, CPU)
    assert order == list("abc") * 4  # the first round is not counted
    assert {name: values.shape for name, values in seconds.items()} == dict.fromkeys("abc", (3,))


def test_ratios_are_taken_round_by_round():
    seconds = {"slow": np.array([2.0, 20.0, 6.0]), "fast": np.array([1.0, 10.0, 1.0])}
    assert ratio(seconds, "slow", "fast") == 2.0
    assert middle(seconds, "slow") == 6.0


def test_nothing_is_timed_in_no_rounds():
    seconds = in_turns({"a": lambda: 1 / 0}, 0, CPU)
    assert ratio(seconds, "a", "a") is None and middle(seconds, "a") is None
    assert ratio({"a": np.ones(2)}, "a", "absent") is None


def test_another_clock_counts_its_own_seconds():
    ticks = iter(range(100))
    seconds = in_turns({"a": int, "b": int}, 2, CPU, clock=lambda: next(ticks))
    assert {name: list(values) for name, values in seconds.items()} == {"a": [1, 1], "b": [1, 1]}
