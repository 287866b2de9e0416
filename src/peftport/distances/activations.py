"""How alike two hosts compute on the same texts: one forward pass each; loads torch when it is called."""

from pathlib import Path

import numpy as np

from peftport.distances.measures import ALL, Found
from peftport.maps.layers import by_rule
from peftport.maps.pair import End
from peftport.maps.spaces import refusal
from peftport.maps.table import READING
from peftport.registry import import_entry


def activation_distances(source: End, target: End, texts: str | Path) -> list[Found]:
    """Linear CKA of what the layers of a stack write, layers of the same relative depth paired: the mean of each stack
    that both hosts have, and of all layers.

    The inner products are those of Székely and Rizzo's U-centring, which has no bias from the number of rows
    (``peftport.maps.moments``), so unrelated hosts have 0 on average. Two hosts whose tokenizers do not tell where
    tokens stand, or with too few texts, have none.

    Args:
        texts: the table ``examples`` of a split; labels are not looked at.
    """
    if refusal(source.family) or refusal(target.family):
        return []
    try:
        gathered = import_entry("kind of reading", "texts", READING).moments(source, target, str(texts))
        found = {stack: gathered.similarity(stack) for stack in gathered.stacks}
    except (NotImplementedError, ValueError) as error:
        print(f"no CKA: {error}")
        return []
    means = {stack: _along_depth(similarity) for stack, similarity in found.items()}
    rows = [Found("cka", stack, float(np.mean(values)), 0.0) for stack, values in means.items()]
    return [*rows, Found("cka", ALL, float(np.mean(np.concatenate(list(means.values())))), 0.0)]


def _along_depth(similarity: np.ndarray) -> np.ndarray:
    """The similarity of each target layer to the source layer of its relative depth, from all (target, source)."""
    n_t, n_s = similarity.shape
    return np.array([similarity[j, row[0][0]] for j, row in enumerate(by_rule("depth", n_s, n_t))])
