"""Training data made from a prepared dataset: without what stands in another's test set, or with labels shuffled."""

import pandas as pd

from peftport.data.overlap import decontaminate
from peftport.seeds import generator
from peftport.storage.provenance import JsonObject

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
    kept, removed = {}, {}
    for name, frame in splits.items():
        kept[name], removed[name] = decontaminate(frame, test)
        if gone := sorted(set(frame["label"]) - set(kept[name]["label"])):
            raise ValueError(
                f"decontaminate: {removed[name]} of {len(frame)} texts of split {name!r} stand in the target's test "
                f"set too, and no example of {', '.join(gone)} is left"
            )
    return kept, facts | {"examples": _counts(kept), "removed": removed}


def shuffle_labels(splits: Splits, seed: int, facts: JsonObject) -> tuple[Splits, JsonObject]:
    """The splits with labels drawn at random, each label as often as before: shuffled within the split.

    Args:
        splits: ``train`` and ``validation``, tables ``examples``.
        seed: of the draw.
        facts: the dataset's facts.

    Returns:
        The splits; and the facts with ``labels_changed``: split to how many examples got another label.
    """
    shuffled, changed = {}, {}
    for name, frame in splits.items():
        order = generator(seed, "random labels", name).permutation(len(frame))
        shuffled[name] = frame.assign(label=frame["label"].to_numpy()[order])
        changed[name] = int((shuffled[name]["label"] != frame["label"]).sum())
    return shuffled, facts | {"examples": _counts(shuffled), "labels_changed": changed}


def _counts(splits: Splits) -> dict[str, dict[str, int]]:
    return {
        name: {str(word): int(number) for word, number in frame["label"].value_counts().sort_index().items()}
        for name, frame in splits.items()
    }
