"""What counts of a cell's trainings: of those of one module at several learning rates, at each budget one.

It is chosen by the validation split, never by the test split, and for every seed on its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from peftport.storage.tables import TABLES, Row
from peftport.study.learning_rates import best_rate

CURVE = list(TABLES["curve"])


@dataclass(frozen=True)
class Trial:
    """A module that is tested, and trained: its seed, the folder that it starts from, its learning rate."""

    seed: int
    start: Path | None
    rate: float | None


@dataclass
class Tested:
    """What a trial gave, by budget.

    Attributes:
        scores: its rows of scores; None for a test that is left out.
        answers: its answers; None where the test is left out, or the trial has failed.
        validated: what it reached on the validation split, more is better; None where it has failed, or nothing is
            chosen.
        curve: its loss curve.
    """

    scores: list[Row | None] = field(default_factory=list)
    answers: list[pd.DataFrame | None] = field(default_factory=list)
    validated: list[float | None] = field(default_factory=list)
    curve: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=CURVE))

    def add(self, scores: Row | None, answers: pd.DataFrame | None, validated: float | None) -> None:
        """Note a further test."""
        self.scores.append(scores)
        self.answers.append(answers)
        self.validated.append(validated)


def tables_of_cell(tested: Mapping[Trial, Tested], budgets: Sequence[int]) -> dict[str, pd.DataFrame]:
    """The tables ``scores``, ``predictions`` and ``curve`` of a cell, one seed after the other."""
    seeds: dict[int, dict[float | None, Tested]] = {}
    for trial, result in tested.items():
        seeds.setdefault(trial.seed, {})[trial.rate] = result
    taken = [chosen(by_rate, budgets) for by_rate in seeds.values()]
    answers = [frame for result in taken for frame in result.answers if frame is not None]
    return {
        "scores": pd.DataFrame([row for result in taken for row in result.scores]).astype({"learning_rate": float}),
        "predictions": pd.concat(answers or [pd.DataFrame(columns=list(TABLES["predictions"]))], ignore_index=True),
        "curve": pd.concat([result.curve for result in taken], ignore_index=True),
    }


def chosen(trained: Mapping[float | None, Tested], budgets: Sequence[int]) -> Tested:
    """Of a module's trainings at several rates the one that counts at each budget, put together; rates rise.

    Before the first step there is nothing to choose. The curve is that of the rate taken at the largest budget.
    """
    first, *others = trained
    together = Tested()
    for place, budget in enumerate(budgets):
        reached = {rate: result.validated[place] for rate, result in trained.items()}
        rate = best_rate(reached) if others and budget else first
        result = trained[rate]
        together.add(result.scores[place], result.answers[place], result.validated[place])
        together.curve = result.curve
    return together
