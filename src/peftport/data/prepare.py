"""A dataset definition to three splits that share no example."""

from pathlib import Path

import pandas as pd

from peftport.data.label_noise import exchange_labels
from peftport.data.settings import DatasetSettings, ExampleLimits, SplitSettings
from peftport.data.sources.table import source
from peftport.data.splits import draw
from peftport.storage.provenance import JsonObject
from peftport.tasks.table import rows

SPLITS = ("train", "validation", "test")


def prepare(dataset: DatasetSettings, root: Path) -> tuple[dict[str, pd.DataFrame], JsonObject]:
    """Read a dataset and make its splits: white space tidied, each example once, stratified by label, seeded.

    A text counts as the same whatever its case, punctuation and white space (``texts.normal_form``). It stays in one
    split only: test before validation before train, so that nothing leaks from training to testing. A text that
    comes with two labels is dropped everywhere. Splits that the source does not give are taken from its training
    examples. The result does not depend on the order in which the source gives its examples. What makes an example
    one of its own, beside its text, says its kind (``peftport.tasks``).

    Args:
        dataset: its kind, source, split and limits of examples.
        root: folder that relative paths start from.

    Returns:
        Split to table ``examples``, in the order of their ids; and facts: kind, source (with digests or commit), read
        (examples per split as given), duplicates_dropped, conflicting_dropped, and examples (per split and label).

    Raises:
        ValueError: the source cannot be read, has one label only, or has too few examples.
    """
    kind = rows(dataset.kind)
    reading = kind.reading(dataset)
    raw, origin = source(dataset.source.kind).read(dataset, Path(root), reading)
    frame, facts = reading.unique(raw)
    given, seed = complete(frame, set(raw), dataset.split, reading.by_label), dataset.split.seed
    splits = limit(given, dataset.examples, seed, reading.by_label)
    if dataset.label_noise:
        splits["train"], number = exchange_labels(splits["train"], dataset.words, dataset.label_noise, seed)
        facts |= {"labels_exchanged": {"train": number}}
    reading.check(splits if set(raw) != {"test"} else {"test": splits["test"]})  # a dataset that is only tested on
    counts = {name: kind.counts(table) for name, table in splits.items()}
    read = {name: len(examples) for name, examples in raw.items()}
    facts |= {"left_out": reading.left_out} if reading.drops else {}
    return splits, {"kind": dataset.kind, "source": origin, "read": read, **facts, "examples": counts}


def complete(
    frame: pd.DataFrame, given: set[str], split: SplitSettings, by_label: bool = True
) -> dict[str, pd.DataFrame]:
    """The three splits; one that the source does not give is a share of the training examples.

    Args:
        frame: a table ``examples`` with a column ``split``.
        given: names of the splits that the source gives.
        split: the shares, and the seed of the draw.
        by_label: whether labels keep their shares.
    """
    splits = {name: frame[frame["split"] == name].drop(columns="split").reset_index(drop=True) for name in SPLITS}
    examples, shares = len(splits["train"]), {"validation": split.validation, "test": split.test}
    for name in ("validation", "test"):
        if name not in given:
            number, purpose = round(examples * shares[name]), f"split/{name}"
            splits[name], splits["train"] = draw(splits["train"], number, split.seed, purpose, by_label)
    return splits


def limit(
    splits: dict[str, pd.DataFrame], examples: ExampleLimits, seed: int, by_label: bool = True
) -> dict[str, pd.DataFrame]:
    """At most so many examples per split; None means all."""
    limits = examples.model_dump()
    return {
        name: frame if limits[name] is None else draw(frame, limits[name], seed, f"examples/{name}", by_label)[0]
        for name, frame in splits.items()
    }
