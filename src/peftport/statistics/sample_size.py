"""How many seeds or test examples would tell, if the spreads are as they were estimated."""

from collections.abc import Callable, Sequence

from peftport.statistics.intervals import Estimate

MOST_SEEDS, MOST_EXAMPLES = 50, 100_000


def size_that_tells(
    estimates: Sequence[Estimate], told: Callable[[Sequence[Estimate]], bool]
) -> tuple[int, int] | None:
    """The seeds and test examples with which ``told`` would be true; None where none up to the bounds is enough.

    Seeds first, at the examples there are; then twice as many examples, and so on. A single seed says nothing of the
    spread between seeds, so from one seed nothing can be told.

    Args:
        estimates: estimates that the decision rests on.
        told: whether these estimates decide it.
    """
    seeds, examples = min(part.seeds for part in estimates), estimates[0].examples
    if seeds < 2:
        return None
    size = examples
    while size <= max(MOST_EXAMPLES, examples):
        for number in range(seeds, MOST_SEEDS + 1):
            if told([part.with_size(number, size) for part in estimates]):
                return number, size
        size *= 2
    return None
