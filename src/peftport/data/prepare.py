"""A dataset definition to three splits that share no text."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from peftport.data.readers import read_file
from peftport.data.settings import DatasetSettings, ExampleLimits, SplitSettings
from peftport.data.splits import draw
from peftport.data.texts import example_id, normal_form
from peftport.storage.files import file_digest
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
    raw, source = SOURCES[dataset.source.kind](dataset, Path(root))
    frame, facts = unique(raw)
    _check_labels(frame, words)
    splits = limit(complete(frame, set(raw), dataset.split), dataset.examples, dataset.split.seed)
    _check_splits(splits, words)
    counts = {name: {word: int((table["label"] == word).sum()) for word in words} for name, table in splits.items()}
    read = {name: len(rows) for name, rows in raw.items()}
    return splits, {"source": source, "read": read, **facts, "examples": counts}


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


def _from_files(dataset: DatasetSettings, root: Path) -> tuple[Raw, JsonObject]:
    raw: Raw = {}
    files = []
    for entry in dataset.source.files:
        rows = read_file(entry, dataset.labels, root)
        if not rows:
            raise ValueError(f"{root / entry.path}: the file holds no example")
        raw.setdefault(entry.split or "train", []).extend(rows)
        digest = file_digest(root / Path(entry.path).expanduser())
        files.append({"path": entry.path, "sha256": digest, "examples": len(rows)})
    return raw, {"kind": "files", "files": files}


def _from_hub(dataset: DatasetSettings, root: Path) -> tuple[Raw, JsonObject]:
    from peftport.data.hub import read_hub

    return read_hub(dataset.source.hub, dataset.labels)


def _generated(dataset: DatasetSettings, root: Path) -> tuple[Raw, JsonObject]:
    """As many different reviews as asked for in each split; more are drawn until repeats are made up for."""
    from peftport.data.generated.reviews import labelled

    source = dataset.source.generated
    wanted = {"train": source.train, "validation": source.validation, "test": source.test}
    total = drawn = sum(wanted.values())
    pool = unique({"train": labelled(source.domain, drawn, source.seed)})[0]
    while len(pool) < total and drawn < 1.5 * total:
        drawn += max(total // 20, total - len(pool))
        pool = unique({"train": labelled(source.domain, drawn, source.seed)})[0]
    if len(pool) < total:
        raise ValueError(f"domain {source.domain!r} gave {len(pool)} different reviews; {total} are asked for")
    raw = {}
    for name in SPLITS:
        part, pool = draw(pool, wanted[name], source.seed, f"generated/{name}")
        names = part["label"].map(lambda word: dataset.labels.get(word, word))
        raw[name] = list(zip(part["text"], names, strict=True))
    return raw, {"kind": "generated", **source.as_json()}


SOURCES: dict[str, Callable[[DatasetSettings, Path], tuple[Raw, JsonObject]]] = {
    "generated": _generated,
    "files": _from_files,
    "hub": _from_hub,
}
