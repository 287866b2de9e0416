"""Which of PEFT-Ref's nine properties says anything about what survives, over techniques, hosts and tasks.

A property belongs to a technique, so techniques are what is permuted: as often as a technique was tried, it is one unit
of its properties. In each block (two hosts, two datasets) gaps are taken relative to the block's mean, so that what
hosts and tasks do to all techniques is gone; then come means over blocks, each pair of hosts with the same weight. The
test is exact over permutations of the techniques (``peftport.statistics.properties``), and Holm's correction is over
the nine.
"""

from dataclasses import dataclass

import pandas as pd

from peftport.prediction.moves import DATASETS, PROPERTIES
from peftport.statistics.families import holm
from peftport.statistics.properties import split_test, splits

BLOCK = ["pair", *DATASETS]


@dataclass(frozen=True)
class Says:
    """What one property says.

    Attributes:
        property: its name.
        groups: values to the techniques that have it, by method.
        effect: range of the groups' mean gaps, relative to the other techniques of a block; None where all techniques
            are alike, or each is alone.
        p_value: exact; None as the effect.
        p_holm: the same after Holm's correction over the nine.
        smallest: the smallest p-value that so few techniques could give.
    """

    property: str
    groups: dict[str, tuple[str, ...]]
    effect: float | None
    p_value: float | None
    p_holm: float | None
    smallest: float | None


def what_properties_say(moves: pd.DataFrame) -> list[Says]:
    """One entry for each property, in their order; none with fewer than two techniques in common blocks."""
    values, gaps = _units(moves)
    if len(gaps) < 2:
        return []
    tested = {}
    for split in splits(values):
        told = None if split.is_constant or split.names_each else split_test(gaps, split)
        tested |= {name: (_groups(values[name]), told) for name in split.properties}
    corrected = holm([1.0 if told is None else told.p_value for _, told in tested.values()])
    adjusted = dict(zip(tested, corrected, strict=True))
    return [_says(name, *tested[name], float(adjusted[name])) for name in PROPERTIES if name in tested]


def _groups(column: pd.Series) -> dict[str, tuple[str, ...]]:
    return {value: tuple(column.index[column == value]) for value in dict.fromkeys(column)}


def _says(name: str, groups: dict[str, tuple[str, ...]], told: object, adjusted: float) -> Says:
    if told is None:
        return Says(name, groups, None, None, None, None)
    return Says(name, groups, told.effect, told.p_value, adjusted, told.smallest)


def _units(moves: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Properties (texts), and mean gaps relative to their blocks, both by technique.

    One method with other properties (a LoRA that shares its parameters) is another technique.
    """
    texts = moves[list(PROPERTIES)].astype(str)
    moves = moves.assign(unit=moves["method"] + "|" + texts.agg("|".join, axis=1))
    known = moves[moves[list(PROPERTIES)].notna().all(axis=1)]
    together = known.groupby([*BLOCK, "unit"], as_index=False)["gap"].mean()
    blocks = together.groupby(BLOCK)["gap"]
    together = together.assign(gap=together["gap"] - blocks.transform("mean"))[blocks.transform("size") > 1]
    by_pair = together.groupby(["unit", "pair"])["gap"].mean()
    gaps = by_pair.groupby("unit").mean()
    values = texts.assign(unit=moves["unit"], method=moves["method"]).drop_duplicates("unit").set_index("unit")
    values = values.loc[gaps.index]
    times = values.groupby("method").cumcount()
    names = values["method"] + times.map(lambda before: f" {before + 1}" if before else "")
    return values[list(PROPERTIES)].set_axis(names), gaps.set_axis(names)
