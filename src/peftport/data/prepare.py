"""A dataset definition to three splits that share no text."""

from pathlib import Path

import pandas as pd

from peftport.data.settings import DatasetSettings, ExampleLimits, SplitSettings
from peftport.data.sources.table import source
from peftport.data.splits import draw
from peftport.data.texts import example_id, normal_form
from peftport.storage.provenance import JsonObject

SPLITS = ("train", "validation", "test")
_KEEPS = {"test": 0, "validation": 1, "train": 2}  # where a text stands twice, the lower keeps it

Raw = dict[str, list[tuple[str, str]]]  # split to (tidy text, label word)


def prepare(dataset: DatasetSettings, root: Path) -> tuple[dict[str, pd.DataFrame], JsonObject]:
    """Read a dataset and make its splits: white space tidied, each text once, stratified, seeded.

    A text counts as the same whatever its case, punctuation and white space (``texts.normal_form``). It stays in one
    split only: test before validation before train, so that nothing leaks from training to testing. A text that
    comes with two labels is dropped everywhere. Splits that the source does not give are taken from its training
    examples. The result does not depend on the order in which the source gives its examples.

    Args:
        dataset: its labels, source, split and limits of examples.
        root: folder that relative paths start from.

    Returns:
        Split to table ``examples``, in the order of their ids; and facts: source (with digests or commit), read
        (examples per split as given), duplicates_dropped, conflicting_dropped, and examples (per split and label).

    Raises:
        ValueError: the source cannot be read, has one label only, or has too few examples.
    """
    words = list(dict.fromkeys(dataset.labels.values()))
    if len(words) < 2:
        raise ValueError(f"labels: a dataset needs at least two label words, found {', '.join(words) or 'none'}")
    raw, origin = source(dataset.source.kind).read(dataset, Path(root))
    frame, facts = unique(raw)
    _check_labels(frame, words)
    splits = limit(complete(frame, set(raw), dataset.split), dataset.examples, dataset.split.seed)
    _check_splits(splits, words)
    counts = {name: {word: int((table["label"] == word).sum()) for word in words} for name, table in splits.items()}
    read = {name: len(rows) for name, rows in raw.items()}
    return splits, {"source": origin, "read": read, **facts, "examples": counts}


def unique(raw: Raw) -> tuple[pd.DataFrame, dict[str, int]]:
    """Each text once, in the split that keeps it; what was dropped is counted.

    Returns:
        A table ``examples`` with a further column ``split``; and facts: duplicates_dropped, conflicting_dropped
        (texts with two labels, all their copies).
    """
    rows = [(split, text, label) for split, examples in raw.items() for text, label in examples]
    frame = pd.DataFrame(rows, columns=["split", "text", "label"], dtype=object)
    frame["form"] = frame["text"].map(normal_form)
    conflicting = frame.groupby("form")["label"].transform("nunique") > 1
    agreeing = frame[~conflicting].assign(rank=lambda rest: rest["split"].map(_KEEPS))
    kept = agreeing.sort_values(["rank", "text"], kind="stable").drop_duplicates("form")
    kept = kept.assign(example_id=kept["text"].map(example_id)).sort_values("example_id", ignore_index=True)
    dropped = {"duplicates_dropped": len(agreeing) - len(kept), "conflicting_dropped": int(conflicting.sum())}
    return kept[["example_id", "text", "label", "split"]], dropped


def complete(frame: pd.DataFrame, given: set[str], split: SplitSettings) -> dict[str, pd.DataFrame]:
    """The three splits; one that the source does not give is a share of the training examples.

    Args:
        frame: a table ``examples`` with a column ``split``.
        given: names of the splits that the source gives.
        split: the shares, and the seed of the draw.
    """
    splits = {name: frame[frame["split"] == name].drop(columns="split").reset_index(drop=True) for name in SPLITS}
    examples, shares = len(splits["train"]), {"validation": split.validation, "test": split.test}
    for name in ("validation", "test"):
        if name not in given:
            number = round(examples * shares[name])
            splits[name], splits["train"] = draw(splits["train"], number, split.seed, f"split/{name}")
    return splits


def limit(splits: dict[str, pd.DataFrame], examples: ExampleLimits, seed: int) -> dict[str, pd.DataFrame]:
    """At most so many examples per split, stratified; None means all."""
    limits = examples.model_dump()
    return {
        name: frame if limits[name] is None else draw(frame, limits[name], seed, f"examples/{name}")[0]
        for name, frame in splits.items()
    }


def _check_labels(frame: pd.DataFrame, words: list[str]) -> None:
    found = set(frame["label"])
    if missing := [word for word in words if word not in found]:
        there = ", ".join(sorted(found)) or "none"
        raise ValueError(f"no example of label {', '.join(missing)} in the whole dataset; labels found: {there}")


def _check_splits(splits: dict[str, pd.DataFrame], words: list[str]) -> None:
    for name, frame in splits.items():
        counts = frame["label"].value_counts()
        if missing := [word for word in words if word not in counts]:
            raise ValueError(
                f"too few examples: split {name!r} has {len(frame)} and none of them is {', '.join(missing)}; "
                "it needs at least one of each label (see `examples`, `split` and the source)"
            )
