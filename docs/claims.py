"""Claims that studies can test, as data: each is read from the tables of a finished study in one way.

A claim is tested move by move (technique, transfer, dataset pair) or curve by curve (technique along a dial), each with
the interval and the corrected test that its table has. One study supports a claim where some of these are told in its
favour and none against it, contradicts it where some are told against it and none in its favour, and is `mixed` where
there are both. The published claims are told in our words.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from peftport.statistics.families import ALPHA

Tables = dict[str, pd.DataFrame]
SUPPORTS, CONTRADICTS, MIXED, CANNOT_TELL = "supports", "contradicts", "mixed", "cannot tell"
PORTABILITY = "Sabry and Belz 2024, arXiv 2401.14228"
TRENDS = {"falls": -1, "rises": 1}


@dataclass(frozen=True)
class Evidence:
    """What one study says of one claim.

    Attributes:
        unit: what is counted: `moves` or `curves`.
        number: how many of them there are.
        for_it, against: in how many of them the test is told in favour of the claim, and against it.
        estimate: median over them, in the units of the claim.
        low, high: the lowest and the highest end of their 95% intervals.
    """

    unit: str
    number: int
    for_it: int
    against: int
    estimate: float
    low: float
    high: float

    @property
    def outcome(self) -> str:
        """What the study says as a whole."""
        if self.for_it and self.against:
            return MIXED
        return SUPPORTS if self.for_it else CONTRADICTS if self.against else CANNOT_TELL


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        name: short, stays.
        statement: one sentence.
        source: who published it, in our words, or `ours`.
        quantity: what the estimate is, with its unit.
        read: the evidence of a study's tables; None where they have nothing to say.
    """

    name: str
    statement: str
    source: str
    quantity: str
    read: Callable[[Tables], Evidence | None]


def _counted(unit: str, signs: pd.Series, estimates: pd.Series, lows: pd.Series, highs: pd.Series) -> Evidence | None:
    """Evidence of rows whose sign is 1 where the test speaks for the claim and -1 where it speaks against it."""
    if signs.empty:
        return None
    ends = (float(estimates.median()), float(lows.min()), float(highs.max()))
    return Evidence(unit, len(signs), int((signs == 1).sum()), int((signs == -1).sum()), *ends)


def ahead(of: str, last: bool = False) -> Callable[[Tables], Evidence | None]:
    """Ported modules against another initialisation at the smallest, or the largest, budget; differences in points."""

    def read(tables: Tables) -> Evidence | None:
        table = tables.get("contrasts", pd.DataFrame())
        if table.empty:
            return None
        rows = table[(table["initialisation"] == "ported") & (table["baseline"] == of)]
        budgets = rows["budget_steps"]
        if rows.empty or (last and budgets.max() == budgets.min()):
            return None
        rows = rows[budgets == (budgets.max() if last else budgets.min())]
        told = (rows["p_value_holm"] < ALPHA).astype(int)
        signs = told * rows["difference"].gt(0).map({True: 1, False: -1})
        return _counted("moves", signs, 100 * rows["difference"], 100 * rows["low"], 100 * rows["high"])

    return read


def keeps_most(tables: Tables) -> Evidence | None:
    """Share of the gap that a plain copy recovers: told where its interval lies on one side of a half; in percent."""
    table = tables.get("portability", pd.DataFrame())
    if table.empty:
        return None
    rows = table[table["initialisation"] == "ported"].dropna(subset=["recovered_gap"])
    rows = rows[rows["budget_steps"] == 0]
    low, high = rows["recovered_gap_low"], rows["recovered_gap_high"]
    signs = (low > 0.5).astype(int) - (high < 0.5).astype(int)
    return _counted("moves", signs, 100 * rows["recovered_gap"], 100 * low, 100 * high)


def along(names: tuple[str, ...], direction: str) -> Callable[[Tables], Evidence | None]:
    """The trend of ported modules along dials of these names, in points for each unit or tenfold."""

    def read(tables: Tables) -> Evidence | None:
        table = tables.get("dials", pd.DataFrame())
        if table.empty:
            return None
        rows = table[table["dial"].isin(names) & (table["initialisation"] == "ported") & (table["baseline"] == "none")]
        rows = rows[rows["budget_steps"] == rows["budget_steps"].min()]
        curves = rows.drop_duplicates(["dial", "map", "technique"])
        signs = curves["outcome"].map(TRENDS).fillna(0) * TRENDS[direction]
        known = curves["slope"].notna()
        if not known.any():
            return None
        slopes = 100 * curves.loc[known, ["slope", "slope_low", "slope_high"]]
        return _counted("curves", signs, *(slopes[name] for name in slopes))

    return read


def other_tasks(tables: Tables) -> Evidence | None:
    """Modules of another task against modules from scratch at the largest budget, in points; told by their outcome."""
    table = tables.get("cross_task", pd.DataFrame())
    if table.empty:
        return None
    rows = table[(table["outcome"] != "own_task") & (table["budget_steps"] == table["budget_steps"].max())]
    signs = rows["outcome"].map({"helps": 1, "harms": -1}).fillna(0)
    return _counted("moves", signs, 100 * rows["difference"], 100 * rows["low"], 100 * rows["high"])


def direction_matters(tables: Tables) -> Evidence | None:
    """The largest budget-0 difference between the two directions of a pair of hosts, in points; told either way."""
    table = tables.get("asymmetry", pd.DataFrame())
    if table.empty:
        return None
    rows = table[table["budget_steps"] == table["budget_steps"].min()]
    signs = (rows["p_value_holm"] < ALPHA).astype(int)
    return _counted("moves", signs, 100 * rows["difference"].abs(), 100 * rows["low"], 100 * rows["high"])


POINTS = "points of the score"
CLAIMS = [
    Claim(
        "copy-keeps-most",
        "A plain copy recovers more than half of what a module trained in the new host has over the bare host.",
        f"question of {PORTABILITY}; the half is ours",
        "recovered gap, %",
        keeps_most,
    ),
    Claim(
        "copy-beats-scratch",
        "Without training in the new host, ported modules are ahead of modules from scratch.",
        PORTABILITY,
        POINTS,
        ahead("scratch"),
    ),
    Claim(
        "copy-beats-sampled",
        "Without training, ported modules are ahead of numbers drawn from their own distribution.",
        PORTABILITY,
        POINTS,
        ahead("sampled"),
    ),
    Claim(
        "copy-beats-matched",
        "Without training, ported modules are ahead of such numbers scaled until they change the host as much.",
        "ours, a stricter control",
        POINTS,
        ahead("matched"),
    ),
    Claim(
        "lead-lasts",
        "After the longest training in the new host, ported modules are still ahead of modules from scratch.",
        "ours",
        POINTS,
        ahead("scratch", last=True),
    ),
    Claim(
        "direction-matters",
        "How well a module moves depends on the direction of the move (no single study can contradict that).",
        PORTABILITY,
        f"{POINTS}, either way",
        direction_matters,
    ),
    Claim(
        "drift-loses",
        "The further a host is trained on, the less a copied module scores there.",
        "ours",
        f"{POINTS} for each tenfold of steps",
        along(("instructions", "plain-text", "novels"), "falls"),
    ),
    Claim(
        "size-helps",
        "Modules of larger hosts survive a further training of their host better.",
        "ours, after an open question of the portability paper",
        f"{POINTS} for each tenfold of parameters",
        along(("size",), "rises"),
    ),
    Claim(
        "near-tasks-help",
        "The further the new task is from the old one, the less a copied module scores.",
        "ours",
        f"{POINTS} for each step from near to far",
        along(("distance", "distance-unread"), "falls"),
    ),
    Claim(
        "other-tasks-help",
        "A module of another task is a better start than none, after as many training steps.",
        "ours; negative transfer contradicts it",
        POINTS,
        other_tasks,
    ),
    Claim(
        "harder-tasks-lose",
        "The harder a task is to learn (hard sentences, label noise, more labels), the less its copied module scores.",
        "ours, after an open question of PEFT-Ref",
        f"{POINTS} for each unit of the dial",
        along(("hard-sentences", "label-noise", "labels"), "falls"),
    ),
]
