"""Which source layers stand for each target layer, stack by stack.

| rule | target layer j of L_t from L_s source layers |
|---|---|
| ``depth`` | the one at the same relative depth, ``round(j (L_s - 1) / (L_t - 1))`` |
| ``skip`` | ``floor(j L_s / L_t)`` (Is Modularity Transferable, 2024) |
| ``linear`` | the two around the same relative depth, by how near they are |
| ``avg`` | all from ``floor(j L_s / L_t)`` to before ``floor((j + 1) L_s / L_t)``, alike |
| ``cka`` | the strictly rising assignment of the shorter stack that makes the sum of similarities largest (LoRASuite) |

With equally many layers each rule gives layer j for layer j.
"""

from collections.abc import Callable, Mapping

import numpy as np

from peftport.maps.correspondence import Layers
from peftport.maps.pair import Pair
from peftport.maps.settings import MapSettings

Row = tuple[tuple[int, float], ...]


def layer_maps(pair: Pair, settings: MapSettings) -> Mapping[str, Layers]:
    """The layer map of every stack of the target.

    Raises:
        ValueError: ``cka`` without texts, or a stack that the source does not have.
    """
    maps = {}
    for stack in ("encoder", "decoder"):
        n_s, n_t = pair.source.layers(stack), pair.target.layers(stack)
        if not n_t:
            continue
        if not n_s:
            raise ValueError(f"the source host {pair.source.card['host']!r} has no {stack} for the target's")
        if settings.layers != "cka" or n_s == n_t:
            maps[stack] = by_rule(settings.layers, n_s, n_t)
            continue
        if pair.moments is None:
            raise ValueError("`layers: cka` compares what layers write on texts, and the map was given none")
        maps[stack] = rising(pair.moments().similarity(stack), settings.fill == "nearest")
    return maps


def by_rule(rule: str, n_s: int, n_t: int) -> Layers:
    """The layer map that a rule gives for these numbers of layers."""
    if n_s == n_t:
        return tuple(((layer, 1.0),) for layer in range(n_t))
    return tuple(RULES[rule](j, n_s, n_t) for j in range(n_t))


def rising(similarity: np.ndarray, nearest: bool) -> Layers:
    """The strictly rising assignment of the shorter stack's layers with the largest sum of similarities.

    Args:
        similarity: (L_t, L_s).
        nearest: whether a target layer without a source layer takes that of the nearest one that has one (of two, the
            lower); else no module goes there.
    """
    n_t, n_s = similarity.shape
    if n_t <= n_s:
        return tuple(((layer, 1.0),) for layer in _assigned(similarity))
    of = {target: source for source, target in enumerate(_assigned(similarity.T))}
    if nearest:
        of = {j: of[min(of, key=lambda target: (abs(target - j), target))] for j in range(n_t)}
    return tuple(((of[j], 1.0),) if j in of else () for j in range(n_t))


def _assigned(similarity: np.ndarray) -> list[int]:
    """For each row its column: rising, and no row more columns ahead than there are too many."""
    rows, columns = similarity.shape
    best = np.full((rows, columns), -np.inf)
    before = np.zeros((rows, columns), int)
    best[0, : columns - rows + 1] = similarity[0, : columns - rows + 1]
    for row in range(1, rows):
        for column in range(row, columns - rows + row + 1):
            before[row, column] = np.argmax(best[row - 1, :column])
            best[row, column] = best[row - 1, before[row, column]] + similarity[row, column]
    chosen = [int(np.argmax(best[-1]))]
    for row in range(rows - 1, 0, -1):
        chosen.append(int(before[row, chosen[-1]]))
    return chosen[::-1]


def _place(j: int, n_s: int, n_t: int) -> float:
    """Index in the source at the relative depth of target layer j; a single layer stands in the middle."""
    return j * (n_s - 1) / (n_t - 1) if n_t > 1 else (n_s - 1) / 2


def _depth(j: int, n_s: int, n_t: int) -> Row:
    return ((round(_place(j, n_s, n_t)), 1.0),)


def _skip(j: int, n_s: int, n_t: int) -> Row:
    return ((j * n_s // n_t, 1.0),)


def _linear(j: int, n_s: int, n_t: int) -> Row:
    below, share = divmod(_place(j, n_s, n_t), 1)
    rows = ((int(below), 1 - share), (int(below) + 1, share))
    return tuple((layer, weight) for layer, weight in rows if weight > 0)


def _avg(j: int, n_s: int, n_t: int) -> Row:
    first = j * n_s // n_t
    group = range(first, max((j + 1) * n_s // n_t, first + 1))
    return tuple((layer, 1 / len(group)) for layer in group)


RULES: Mapping[str, Callable[[int, int, int], Row]] = {
    "depth": _depth,
    "skip": _skip,
    "linear": _linear,
    "avg": _avg,
}
