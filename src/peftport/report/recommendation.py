"""What to do with a module when its host changes: copy, copy and train a little, or start again."""

import pandas as pd

from peftport.figures.style import techniques_of, title
from peftport.report.phrases import listing, outcome, percent, place
from peftport.statistics.portability import SMALLEST_GAP

ENOUGH = 0.9  # recovered gap from which a copy alone is good enough
MOVE = ["technique", "source_host", "target_host", "source_dataset", "target_dataset"]
RULE = (
    "Copy: before any training, the ported module recovers at least 90% of the gap between the bare host and native "
    "modules, and is better than the bare host. Copy and train a little: it does not, but at one budget or more it is "
    "better than a module trained from scratch for as long. Start again: neither. No verdict: native modules are less "
    "than 3 points above the bare host, or what the rule needs was not run, or the module is ahead of scratch by its "
    "own 95% interval and not after the correction. Better means at 5% after Holm's correction."
)


def recommendations(tables: dict[str, pd.DataFrame]) -> list[dict[str, str]]:
    """One row per move: `technique`, `move`, `advice`, `reason`.

    Args:
        tables: `portability` and, where there are any, `contrasts`.
    """
    summary = tables["portability"]
    ported = summary[summary["initialisation"] == "ported"]
    contrasts = tables.get("contrasts", pd.DataFrame())
    pairs = len(ported[MOVE[3:]].drop_duplicates()) > 1
    found = []
    order = {name: index for index, name in enumerate(techniques_of(ported))}
    moves = sorted(ported.groupby(MOVE, sort=False, observed=True), key=lambda move: order[move[0][0]])
    for key, rows in moves:
        compared = contrasts
        for column, value in zip(MOVE, key, strict=True):
            compared = compared[compared[column] == value] if len(compared) else compared
        advice, reason = _advise(rows.sort_values("budget_steps"), compared)
        move = {"technique": title(key[0]), "move": place(rows.iloc[0], pairs)}
        found.append(move | {"advice": advice, "reason": reason})
    return found


def _advise(rows: pd.DataFrame, compared: pd.DataFrame) -> tuple[str, str]:
    """Advice and reason for one move; ``rows`` by ascending budget."""
    start = rows.iloc[0]
    gap = start["native_accuracy"] - start["bare_accuracy"]
    if pd.notna(gap) and gap < SMALLEST_GAP:
        return "no verdict", f"native modules are only {100 * gap:.1f} points above the bare host: nothing to carry"
    zero_shot = start["budget_steps"] == 0
    recovered = start["recovered_gap"]
    above = _better(compared, "bare", [0])
    if zero_shot and pd.notna(recovered) and recovered >= ENOUGH and above:
        return "copy", f"recovers {percent(recovered)} of the gap without training"
    if compared.empty or not (compared["baseline"] == "scratch").any():
        return "no verdict", "nothing was trained from scratch to compare with"
    ahead = _better(compared, "scratch", rows["budget_steps"].tolist())
    known = f"recovers {percent(recovered)} of the gap without training; " if zero_shot and pd.notna(recovered) else ""
    if ahead:
        return "copy and train a little", f"{known}better than scratch at {_steps(ahead)}{_saved(rows, ahead)}"
    if perhaps := _budgets(compared[compared["low"] > 0], "scratch", rows["budget_steps"].tolist()):
        return "no verdict", f"{known}ahead of scratch at {_steps(perhaps)}, but with too few seeds for the correction"
    return "start again", f"{known}at no budget better than scratch"


def _better(compared: pd.DataFrame, baseline: str, budgets: list[int]) -> list[int]:
    """The budgets at which ported is better than a baseline."""
    return _budgets(compared[[outcome(row) > 0 for _, row in compared.iterrows()]], baseline, budgets)


def _budgets(compared: pd.DataFrame, baseline: str, budgets: list[int]) -> list[int]:
    """Those of the budgets at which there is a comparison with a baseline."""
    if compared.empty:
        return []
    rows = compared[(compared["baseline"] == baseline) & compared["budget_steps"].isin(budgets)]
    return sorted(map(int, rows["budget_steps"]))


def _steps(budgets: list[int]) -> str:
    """``0, 50 and 200 steps``."""
    return f"{listing([f'{budget:,}' for budget in budgets])} step{'' if budgets == [1] else 's'}"


def _saved(rows: pd.DataFrame, budgets: list[int]) -> str:
    """The steps saved at the first trained budget at which ported is ahead, or else at the first."""
    chosen = next((budget for budget in budgets if budget > 0), budgets[0])
    saved = rows.loc[rows["budget_steps"] == chosen, "steps_saved"].iloc[0]
    longest = int(rows["budget_steps"].max())
    if chosen == longest:
        return ""
    if pd.isna(saved):
        return f"; at {chosen:,} it has what scratch did not reach in {longest:,}"
    return f"; at {chosen:,} it has what scratch needs {saved:,.0f} more steps for" if saved > 0 else ""
