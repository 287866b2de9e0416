"""What to do with a module when its host changes: copy, copy and train, or start again; from table `advice`."""

import pandas as pd

from peftport.figures.style import signed, techniques_of, title
from peftport.report.phrases import MOVE, count, listing, place
from peftport.storage.names import COPY

RULE = (
    "Each way has an expected accuracy and costs its training steps. A way is ruled out if another is shown better by "
    "more than {margin} points. It is good enough if it is shown not worse than any other by more than {margin} "
    "points. The advice is the cheapest way that is good enough; of two that cost the same, the copy. To start again "
    "is advised only where every copy that costs no more is ruled out. Where nothing is shown good enough, the advice "
    "is that this study cannot tell, and how many seeds or test examples would, if the spreads are as they seem here."
)


def recommendations(advice: pd.DataFrame) -> list[dict[str, str]]:
    """One row per move: `technique`, `move`, `advice`, `accuracy`, `reason`.

    Args:
        advice: table `advice`.
    """
    if advice.empty:
        return []
    pairs = len(advice[MOVE[4:]].drop_duplicates()) > 1
    order = {name: index for index, name in enumerate(techniques_of(advice))}
    moves = sorted(advice.groupby(MOVE, sort=False, observed=True), key=lambda move: order[move[0][0]])
    return [
        {"technique": title(key[0]), "move": place(rows.iloc[0], pairs)} | _advised(rows.sort_values("steps"))
        for key, rows in moves
    ]


def way(row: pd.Series) -> str:
    """A way in words: ``copy``, ``carry by a_map and train 25 steps``, ``start again and train 100 steps``."""
    name = f"carry by {row['map']}" if row["way"] == COPY != row["map"] else row["way"]
    return f"{name} and train {count(int(row['steps']), 'step')}" if row["steps"] else f"{name}"


def _advised(rows: pd.DataFrame) -> dict[str, str]:
    """Advice, expected accuracy and reason for one move."""
    taken, best = rows[rows["advised"]], rows.loc[rows["accuracy"].idxmax()]
    reasons = [_ruled_out(rows)]
    if len(taken):
        row = taken.iloc[0]
        reasons.insert(0, f"costs {count(int(row['steps']), 'step')}; shown not worse than any other way by the margin")
        reasons.append(_below_native(best, "even the best way"))
        return {"advice": way(row), "accuracy": _score(row), "reason": _joined(reasons)}
    reasons += ["the rest cannot be told apart", _needed(rows), _below_native(best, "even the best way")]
    return {
        "advice": "cannot tell",
        "accuracy": f"best so far: {way(best)}, {_score(best)}",
        "reason": _joined(reasons),
    }


def _score(row: pd.Series) -> str:
    return f"{row['accuracy']:.3f} [{row['low']:.2f}, {row['high']:.2f}]"


def _ruled_out(rows: pd.DataFrame) -> str:
    """Which ways are ruled out, and by what."""
    parts = []
    for start, ruled_out in rows[rows["ruled_out"]].groupby("way", sort=False):
        steps = [f"{int(number):,}" for number in ruled_out["steps"] if number]
        names = ([start] if (ruled_out["steps"] == 0).any() else []) + (
            [f"{start} and train {listing(steps)} step{'' if steps == ['1'] else 's'}"] if steps else []
        )
        parts += names
    return f"ruled out: {', '.join(parts)}" if parts else "no way is ruled out"


def _needed(rows: pd.DataFrame) -> str:
    """How many seeds or test examples would tell."""
    first = rows.iloc[0]
    if first["seeds"] < 2:
        return "a single seed says nothing of the spread between seeds: run at least three"
    if pd.isna(first["seeds_needed"]):
        return "no reasonable number of seeds would tell with spreads as wide as these"
    return f"about {int(first['seeds_needed'])} seeds and {int(first['examples_needed']):,} test examples would tell"


def _below_native(row: pd.Series, subject: str) -> str:
    """What is said where a way is shown to be below native modules."""
    if pd.isna(row["native_high"]) or row["native_high"] >= 0:
        return ""
    ends = f"{signed(row['native_low'])}, {signed(row['native_high'])}"
    return f"{subject} ({way(row)}) stays below native modules ({signed(row['native_difference'])} points [{ends}])"


def _joined(reasons: list[str]) -> str:
    return "; ".join(reason for reason in reasons if reason)
