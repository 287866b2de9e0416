"""Each example once, in one split: test before validation before train, so that training sees nothing of a test."""

from collections.abc import Callable

import pandas as pd

from peftport.data.reading import Raw
from peftport.data.texts import example_id, normal_form

KEEPS = {"test": 0, "validation": 1, "train": 2}  # where an example stands twice, the lower keeps it


def as_frame(raw: Raw) -> pd.DataFrame:
    """All examples; columns ``split``, ``text``, ``label`` and ``answers`` (None where they are the dataset's)."""
    rows = [(split, *example, *[None] * (3 - len(example))) for split, examples in raw.items() for example in examples]
    return pd.DataFrame(rows, columns=["split", "text", "label", "answers"], dtype=object)


def each_once(raw: Raw, whole: Callable[[str, list[str]], str] | None = None) -> tuple[pd.DataFrame, dict[str, int]]:
    """Each example once, in the split that keeps it; what was dropped is counted.

    Args:
        whole: what makes an example one of its own, as one text; the text alone as a rule.

    Returns:
        A table ``examples`` with a further column ``split``; and facts: duplicates_dropped, conflicting_dropped
        (examples with two right answers, all their copies).
    """
    frame = as_frame(raw)
    frame["whole"] = frame["text"] if whole is None else list(map(whole, frame["text"], frame["answers"]))
    frame["form"] = frame["whole"].map(normal_form)
    conflicting = frame.groupby("form")["label"].transform("nunique") > 1
    agreeing = frame[~conflicting].assign(rank=lambda rest: rest["split"].map(KEEPS))
    kept = agreeing.sort_values(["rank", "whole"], kind="stable").drop_duplicates("form")
    kept = kept.assign(example_id=kept["whole"].map(example_id)).sort_values("example_id", ignore_index=True)
    dropped = {"duplicates_dropped": len(agreeing) - len(kept), "conflicting_dropped": int(conflicting.sum())}
    return kept[["example_id", "text", "label", "answers", "split"]], dropped


def enough(splits: dict[str, pd.DataFrame]) -> None:
    """Raise ValueError unless every split has two examples, without which nothing can be estimated."""
    for name, frame in splits.items():
        if len(frame) < 2:
            raise ValueError(
                f"too few examples: split {name!r} has {len(frame)}, it needs at least two (see `examples`, `split` "
                "and the source)"
            )
