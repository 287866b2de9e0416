"""Timing things against each other in one process."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Seconds = dict[str, np.ndarray]


def in_turns(
    actions: dict[str, Callable[[], Any]],
    rounds: int,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> Seconds:
    """Seconds of every action in every round, each of shape (rounds,), by the clock.

    Every round runs every action once, so that what slows the machine down for a while slows all of them. A round
    before the first is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for number in range(rounds + 1 if rounds else 0):
        for name, action in actions.items():
            _wait(device)
            began = clock()
            action()
            _wait(device)
            if number:
                seconds[name].append(clock() - began)
    return {name: np.asarray(values) for name, values in seconds.items()}


def ratio(seconds: Seconds, above: str, below: str) -> float | None:
    """Median over rounds of one action's time over another's; None where one was not timed."""
    if not len(seconds.get(above, ())) or not len(seconds.get(below, ())):
        return None
    return float(np.median(seconds[above] / seconds[below]))


def middle(seconds: Seconds, name: str) -> float | None:
    """Median over rounds of an action's time, seconds; None where it was not timed."""
    return float(np.median(seconds[name])) if len(seconds.get(name, ())) else None


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
