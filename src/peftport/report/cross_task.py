"""What modules of one task do for another: a sentence for each technique, transfer and budget, from their tests."""

import pandas as pd

from peftport.figures.style import datasets, score_name, signed, title, transfer
from peftport.report.phrases import count, moment

MATRIX = ["technique", "source_host", "target_host", "map", "budget_steps"]
SAID = {"helps": "help", "harms": "harm (negative transfer)", "cannot_tell": "cannot be told"}


def from_task_to_task(tables: dict[str, pd.DataFrame]) -> list[str]:
    """One sentence for each matrix; none where the study asks for no such table."""
    table = tables.get("cross_task", pd.DataFrame())
    if table.empty:
        return []
    return [_sentence(keys, rows) for keys, rows in table.groupby(MATRIX, sort=False, observed=True)]


def _sentence(keys: tuple, rows: pd.DataFrame) -> str:
    """How many moves help, harm and cannot be told; each that harms, and the largest help."""
    technique, source, target, carried, budget = keys
    moves = rows[rows["outcome"] != "own_task"]
    place = f"{title(technique)}, {transfer(source, target, carried)}, {moment(int(budget))}"
    if moves.empty:
        return f"{place}: no move from a task to another could be compared with modules from scratch."
    counts = moves["outcome"].value_counts()
    parts = [f"{counts.get(outcome, 0)} {said}" for outcome, said in SAID.items()]
    text = f"{place}: of {count(len(moves), 'move')} from a task to another {', '.join(parts[:-1])} and {parts[-1]}"
    helps, harms = (moves[moves["outcome"] == outcome] for outcome in ("helps", "harms"))
    shown = [f"negative transfer: {'; '.join(map(_move, _rows(harms)))}"] if len(harms) else []
    shown += [f"the most helped: {_move(helps.loc[helps['difference'].idxmax()])}"] if len(helps) else []
    ported, scratch, own = (moves[name].mean() for name in ("ported", "scratch", "own"))
    below = f"; mean {score_name(moves)} of all {ported:.2f}, from scratch {scratch:.2f}"
    ceiling = "" if pd.isna(own) else f", of modules of the task itself {own:.2f}"
    return f"{'. '.join([text + below + ceiling, *(one[0].upper() + one[1:] for one in shown)])}."


def _rows(frame: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in frame.sort_values("difference").iterrows()]


def _move(row: pd.Series) -> str:
    ends = f"[{signed(row['low'])}, {signed(row['high'])}]"
    return f"{datasets(row['source_dataset'], row['target_dataset'])} {signed(row['difference'])} {ends} points"
