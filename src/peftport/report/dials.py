"""What the study says along its dials: a sentence for each technique, from the tests of the trends."""

import pandas as pd

from peftport.figures.style import COPY, score_name, signed, techniques_of, title
from peftport.report.phrases import capital, moment

SAID = {
    "falls": "{score} falls with {label}",
    "rises": "{score} rises with {label}",
    "no_trend": "no trend of {score} with {label} is shown",
    "cannot_tell": "cannot tell whether {score} changes with {label}",
}


def along_dials(tables: dict[str, pd.DataFrame]) -> list[str]:
    """One sentence for each dial, map and technique, at the smallest budget; none where the study has no dials."""
    table = tables.get("dials", pd.DataFrame())
    if table.empty:
        return []
    start = table[table["budget_steps"] == table["budget_steps"].min()]
    curves = start.groupby(["dial", "map"], sort=False, observed=True)
    return [
        _sentence(dial if carried == COPY else f"{dial} ({carried})", name, rows[rows["technique"] == name])
        for (dial, carried), rows in curves
        for name in techniques_of(rows)
    ]


def _sentence(dial: str, technique: str, rows: pd.DataFrame) -> str:
    """The trend of ported modules, and beside it the trend of what they are short of native ones."""
    curve = _curve(rows, "none").sort_values("value")
    first, last = curve.iloc[0], curve.iloc[-1]
    label, score = curve["label"].iloc[0], f"the {score_name(curve)} of ported modules"
    shown = [first, last]
    least = curve.loc[curve["mean"].idxmin()]
    if least["value"] not in (first["value"], last["value"]):
        shown.insert(1, least)
    levels = ", ".join(f"{row['mean']:.2f} at {row['value']:,.10g}" for row in shown)
    when = moment(int(first["budget_steps"]))
    text = f"{title(technique)}, {dial}, {when}: {_trend(first, score, label)}; {levels}"
    below = _curve(rows, "native")
    if len(below):
        said = _trend(below.iloc[0], f"their {score_name(curve)} less that of native modules", label)
        return f"{text}. {capital(said)}."
    return f"{text}."


def _curve(rows: pd.DataFrame, baseline: str) -> pd.DataFrame:
    return rows[(rows["initialisation"] == "ported") & (rows["baseline"] == baseline)]


def _trend(row: pd.Series, score: str, label: str) -> str:
    """What the test says, with the slope and its interval, or why there is none."""
    text = SAID[row["outcome"]].format(score=score, label=label)
    if row["outcome"] == "cannot_tell":
        return f"{text} ({row['why_not']})"
    each = "tenfold" if row["scale"] == "log" else "unit"
    ends = f"[{signed(row['slope_low'])}, {signed(row['slope_high'])}]"
    why = "" if pd.isna(row["why_not"]) else f"; {row['why_not']}"
    return f"{text} ({signed(row['slope'])} {ends} points for each {each}{why})"
