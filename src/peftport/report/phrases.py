"""How numbers, lists and comparisons are said in a sentence."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from peftport.figures.style import label, signed, transfer
from peftport.statistics.families import ALPHA

MINUS = "\N{MINUS SIGN}"
# what moved with and without its classification head
HEADS = {
    "head_only": "the moved head beside a fresh module",
    "ported_fresh_head": "the module moved without its head",
    "sampled_fresh_head": "sampled modules with the same fresh head",
}
# what differs from ported modules by its map or its size
MAPPED = {
    "wrong_layers": "modules carried to wrong layers",
    "shuffled_map": "modules carried along a shuffled map",
    "random_basis": "random modules in the target host's own basis",
    "ported_quarter": "ported modules of a quarter of their size",
    "ported_half": "ported modules of half their size",
    "ported_double": "ported modules of twice their size",
}
NOUNS = {
    "scratch": "modules from scratch",
    "constant": "a constant answer",
    "bare": "the bare host",
    "native": "native modules",
    **HEADS,
    **MAPPED,
}
MOVE = ["technique", "source_host", "target_host", "map", "source_dataset", "target_dataset"]


def percent(share: float) -> str:
    """A share as a whole percentage."""
    return f"{100 * share:.0f}%".replace("-", MINUS)


def shares(share: float, low: float, high: float) -> str:
    """A share with its 95% interval: ``90% [84%, 97%]``; an end that is not bounded is said to be."""
    low, high = (percent(end) if np.isfinite(end) else "no end" for end in (low, high))
    return f"{percent(share)} [{low}, {high}]"


def nats(value: float) -> str:
    """A log-likelihood, or another number of two decimals that may be below zero."""
    return f"{value:.2f}".replace("-", MINUS)


def controls_in(carried: pd.DataFrame) -> list[str]:
    """What ported modules must beat, of table `carried`; nothing where it is empty."""
    rows = carried["controls"] if len(carried) else []
    return list(dict.fromkeys(name for names in rows for name in names.split(",")))


def difference(row: pd.Series) -> str:
    """A difference in points with its 95% interval: ``+18.0 [+12.0, +24.0]``."""
    return f"{signed(row['difference'])} [{signed(row['low'])}, {signed(row['high'])}]"


def listing(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def count(number: int, thing: str) -> str:
    """``1 move``, ``2 moves``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share_of(number: int, total: int) -> str:
    """``the one move``, ``all 8 moves``, ``5 of 8 moves``."""
    if total == 1:
        return "the one move tested"
    return f"all {total:,} moves" if number == total else f"{number:,} of {total:,} moves"


def moment(budget: int) -> str:
    """When a score was taken: ``zero-shot`` or ``after 200 steps``."""
    return "zero-shot" if budget == 0 else f"after {count(budget, 'step')}"


def capital(text: str) -> str:
    """A text with a capital in front."""
    return text[:1].upper() + text[1:]


def place(row: pd.Series, pairs: bool) -> str:
    """Where a module went: the transfer, and the dataset pair where the study has several."""
    datasets = f", {row['source_dataset']} to {row['target_dataset']}" if pairs else ""
    return unbroken(transfer(row["source_host"], row["target_host"], row["map"])) + datasets


def unbroken(text: str) -> str:
    """A text that is not broken over two lines."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def alternative(baseline: str) -> str:
    """What ported is compared with, as a noun."""
    return NOUNS.get(baseline, f"{label(baseline)} modules")


def outcome(row: pd.Series) -> int:
    """1 where the first of the two is better after Holm's correction, -1 where it is worse, else 0."""
    if row["p_value_holm"] >= ALPHA:
        return 0
    return 1 if row["difference"] > 0 else -1


def comparison(rows: pd.DataFrame, baseline: str, pairs: bool) -> str:
    """How ported did against one alternative, over all moves of these rows; no full stop."""
    outcomes = rows.apply(outcome, axis=1)
    noun = alternative(baseline)
    if len(rows) == 1:
        verbs = {1: f"better than {noun}", -1: f"worse than {noun}", 0: f"not told apart from {noun} by this data"}
        return f"{verbs[int(outcomes.iloc[0])]} ({difference(rows.iloc[0])})"
    better, worse = int((outcomes > 0).sum()), int((outcomes < 0).sum())
    text = f"better than {noun} in {better} of {len(rows)}" + (f" and worse in {worse}" if worse else "")
    if len(rows) == 2:
        return f"{text} ({'; '.join(f'{place(row, pairs)} {difference(row)}' for _, row in rows.iterrows())})"
    values = rows["difference"]
    spread = f"{signed(values.min())} to {signed(values.max())}"
    return f"{text} (on average by {signed(values.mean())} points; singly {spread})"
