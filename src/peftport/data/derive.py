"""Training data made from a prepared dataset: without what stands in another's test set, or with labels shuffled."""

import pandas as pd

from peftport.data.overlap import decontaminate
from peftport.seeds import generator
from peftport.storage.provenance import JsonObject
from peftport.tasks.table import LABELS, rows

Splits = dict[str, pd.DataFrame]


def leave_out(splits: Splits, test: pd.DataFrame, facts: JsonObject) -> tuple[Splits, JsonObject]:
    """The splits without the texts whose normal form stands in ``test``.

    Args:
        splits: ``train`` and ``validation``, tables ``examples``.
        facts: the dataset's facts, as ``prepare`` gives them.

    Returns:
        The splits; and the facts with new counts in ``examples``, and ``removed``: split to how many texts were taken
        out.

    Raises:
        ValueError: no example of some label is left.
    """
    kind, kept, removed = rows(facts.get("kind", LABELS)), {}, {}
    for name, frame in splits.items():
        kept[name], removed[name] = decontaminate(frame, test)
        after = kind.counts(kept[name])
        if gone := sorted(set(kind.counts(frame)) - set(after)):
            raise ValueError(
                f"decontaminate: {removed[name]} of {len(frame)} texts of split {name!r} stand in the target's test "
                f"set too, and no example of {', '.join(gone)} is left"
            )
    return kept, facts | {"examples": {name: kind.counts(frame) for name, frame in kept.items()}, "removed": removed}


def shuffle_labels(splits: Splits, seed: int, facts: JsonObject) -> tuple[Splits, JsonObject]:
    """The splits with right answers drawn at random, each label as often as before: shuffled within the split.

    Args:
        splits: ``train`` and ``validation``, tables ``examples``.
        seed: of the draw.
        facts: the dataset's facts.

    Returns:
        The splits; and the facts with ``labels_changed``: split to how many examples got another label.
    """
    kind, shuffled, changed = rows(facts.get("kind", LABELS)), {}, {}
    for name, frame in splits.items():
        order = generator(seed, "random labels", name).permutation(len(frame))
        shuffled[name] = kind.shuffled(frame, order)
        changed[name] = int((shuffled[name]["label"] != frame["label"]).sum())
    counts = {name: kind.counts(frame) for name, frame in shuffled.items()}
    return shuffled, facts | {"examples": counts, "labels_changed": changed}
