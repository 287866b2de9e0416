"""What counts of a job's trainings: of those of one module at several learning rates, at each budget one.

It is chosen by the validation split, never by the test split, and for every seed and initialisation on its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from peftport.storage.tables import TABLES
from peftport.study.learning_rates import best_rate

# of a training, by budget: its row of scores, its answers (None where it has failed) and what it reached on the
# validation split (None where it has failed, or there is nothing to choose); and its loss curve
Tested = dict[str, Any]


class Member(NamedTuple):
    """A module that is tested, and trained: its initialisation, its seed, the folder that it starts from, its rate."""

    initialisation: str
    seed: int
    start: Path | None
    rate: float | None


def tables_by_cell(
    done: Sequence[tuple[list[int], list[Tested]]], members: Sequence[Member], budgets: Sequence[int]
) -> dict[str, dict[str, pd.DataFrame]]:
    """The tables ``scores``, ``predictions`` and ``curve`` of every initialisation, one seed after the other.

    Args:
        done: groups of members, by their place in ``members``, with what each gave.
    """
    tested = {index: result for group, results in done for index, result in zip(group, results, strict=True)}
    cells: dict[str, dict[int, dict[float | None, Tested]]] = {}
    for index, member in enumerate(members):
        cells.setdefault(member.initialisation, {}).setdefault(member.seed, {})[member.rate] = tested[index]
    most = max(len(group) for group, _ in done)
    return {kind: _tables([chosen(one, budgets) for one in own.values()], most) for kind, own in cells.items()}


def chosen(trained: Mapping[float | None, Tested], budgets: Sequence[int]) -> Tested:
    """Of a module's trainings at several rates the one that counts at each budget, put together; rates rise.

    Before the first step there is nothing to choose. The curve is that of the rate taken at the largest budget.
    """
    first, *others = trained
    rates = [
        best_rate({rate: one["validated"][place] for rate, one in trained.items()}) if others and budget else first
        for place, budget in enumerate(budgets)
    ]
    taken = {name: [trained[rate][name][place] for place, rate in enumerate(rates)] for name in ("scores", "answers")}
    return taken | {"curve": trained[rates[-1]]["curve"]}


def _tables(tested: list[Tested], most: int) -> dict[str, pd.DataFrame]:
    """The tables of a cell, with the most members that trained at once."""
    answers = [frame for one in tested for frame in one["answers"] if frame is not None]
    tables = {
        "scores": pd.DataFrame([row for one in tested for row in one["scores"]]).astype({"learning_rate": float}),
        "predictions": pd.concat(answers or [pd.DataFrame(columns=list(TABLES["predictions"]))], ignore_index=True),
        "curve": pd.concat([one["curve"] for one in tested], ignore_index=True),
    }
    for table in tables.values():
        table.attrs["members_together"] = most
    return tables
