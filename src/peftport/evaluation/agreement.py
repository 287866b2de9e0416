"""Whether the two tables of a cell agree, with each other and with the grid; looked at once, when runs are gathered."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from peftport.storage.files import DamagedFile

NEAR = 1e-9  # of a share that was written as a number and one that is counted anew
RUN = ["budget_steps", "seed"]


def refuse_unless_agreed(
    file: str | Path, scores: pd.DataFrame, answers: pd.DataFrame, cell: dict[str, str], runs: Sequence[tuple[int, int]]
) -> None:
    """Check that the scores of a cell are of its runs, and are the sums of its predictions.

    Args:
        file: where the scores stand.
        scores: the table ``scores`` of the cell.
        answers: its table ``predictions``.
        cell: the names of the cell, as columns.
        runs: budget and seed of every run of the cell.

    Raises:
        DamagedFile: they do not agree; it names the file, and so the cell.
    """
    for column, name in cell.items():
        if set(scores[column]) != {name}:
            raise DamagedFile(file, f"its {column} is {', '.join(map(str, set(scores[column])))}, expected {name}")
    if sorted(zip(*(scores[column] for column in RUN), strict=True)) != sorted(runs):
        raise DamagedFile(file, f"its {len(scores)} rows are not the {len(runs)} runs (budget, seed) of the grid")
    counted = answers.groupby(RUN)["score"].agg(["size", "mean"]).reindex(pd.MultiIndex.from_frame(scores[RUN]))
    failed = scores["score"].isna().to_numpy()
    size, share = counted["size"].fillna(0).to_numpy(), counted["mean"].fillna(0).to_numpy()
    number = np.where(failed, 0, scores["test_examples"])
    agreed = (size == number) & (np.abs(share - scores["score"].fillna(0)) < NEAR)
    if spare := len(answers) - int(size.sum()):
        raise DamagedFile(file, f"predictions.parquet beside it holds {spare} answers of runs that it has not")
    if not agreed.all():
        row, at = scores[~agreed].iloc[0], int(np.argmin(agreed))
        run = f"budget {row['budget_steps']}, seed {row['seed']}"
        there = f"{int(size[at])} answers with a mean score of {share[at]:.6g}"
        here = f"{int(number[at])} answers and a score of {row['score']:.6g}"
        raise DamagedFile(file, f"it says of {run}: {here}; predictions.parquet beside it: {there}")
    for metric, rows in scores[~failed].groupby("metric"):
        if metric not in scores:
            continue
        own = rows[
            rows[metric].notna()
        ]  # a metric of lm-eval's may have the name of one of ours, which it leaves empty
        if not (np.abs(own[metric] - own["score"]) < NEAR).all():
            raise DamagedFile(file, f"its {metric} is not its score, which predictions.parquet beside it has as well")
