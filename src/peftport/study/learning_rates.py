"""The learning rates of a technique, and which of several is taken."""

import math
from collections.abc import Mapping


def learning_rates(given: float | list[float]) -> list[float]:
    """The rates of a technique's ``learning_rate``, rising: its one, or those of its list."""
    return sorted(given) if isinstance(given, list) else [given]


def best_rate(found: Mapping[float, float | None]) -> float:
    """The rate with the greatest number, the smallest rate of equals.

    Args:
        found: of every rate what its training reached on the validation split, more is better; None (or no finite
            number) where it failed, which is taken only where all failed.
    """
    reached = {rate: -math.inf if one is None or not math.isfinite(one) else one for rate, one in found.items()}
    return max(sorted(reached), key=reached.__getitem__)
