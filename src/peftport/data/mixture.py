"""How many examples of each of several datasets a mixture has, and which."""

from collections.abc import Mapping

import numpy as np

from peftport.seeds import generator

NEARLY = 1e-9  # share of an example that is a rounding of the division


def numbers(sizes: Mapping[str, int], weights: Mapping[str, float], examples: int | None = None) -> dict[str, int]:
    """How many examples each member gives: in proportion to the weights, by largest remainder.

    Args:
        sizes: member to how many examples it has, at least one.
        weights: member to its weight, above 0.
        examples: of all members together; None for as many as there are before one of them is used up.

    Returns:
        Member to its number, in the order of the weights.

    Raises:
        ValueError: a member would give none.
    """
    whole = sum(weights.values())
    if examples is None:
        examples = int(min(sizes[name] * whole / weight for name, weight in weights.items()) + NEARLY)
    exact = {name: examples * weight / whole for name, weight in weights.items()}
    given = {name: int(share + NEARLY) for name, share in exact.items()}
    order = sorted(weights, key=lambda name: given[name] - exact[name])  # largest remainder first, ties as they stand
    for name in order[: examples - sum(given.values())]:
        given[name] += 1
    if lacking := [name for name, number in given.items() if not number]:
        raise ValueError(
            f"mixture: {examples:,} examples in the proportion of the weights leave none of {', '.join(lacking)}; "
            "expected at least one of each: raise `examples` or its weight"
        )
    return given


def drawn(size: int, number: int, seed: int, purpose: str) -> np.ndarray:
    """Places of the examples that a member gives, shape (number,).

    Each once in a seeded order, then each once more in another, and so on: no example comes more than once more often
    than another. More examples begin with those that fewer would be.

    Args:
        size: how many the member has.
        purpose: what the draw is for, so that two draws with one seed are independent.
    """
    rng = generator(seed, "mixture", purpose)
    rounds = [rng.permutation(size) for _ in range(-(-number // size))]
    return np.concatenate(rounds)[:number] if rounds else np.zeros(0, np.int64)
