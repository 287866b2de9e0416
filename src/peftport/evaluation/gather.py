"""Gather the scores of all cells into the tables of a study: one row per run, one per reference."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from peftport.evaluation.agreement import refuse_unless_agreed
from peftport.storage.parquet import read_table
from peftport.storage.tables import CELL, TABLES
from peftport.study.entries import Cell, Source
from peftport.study.grid import Grid

KEYS = [*CELL, "budget_steps", "seed"]


def gather_runs(
    grid: Grid, files: Sequence[str | Path], answers: Sequence[str | Path]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``runs`` and ``references``, once the scores of every cell agree with its predictions.

    Args:
        grid: ``scratch`` is computed once per target and counted once per transfer and dataset pair.
        files: the table ``scores`` of each cell, in the order of the study's cells.
        answers: the table ``predictions`` of each, in the same order.

    Raises:
        DamagedFile: the scores of a cell are not those of its runs and its predictions.
    """
    read = {cell: read_table(file, "scores") for cell, file in zip(grid.cells, files, strict=True)}
    for (cell, scores), file, predictions in zip(read.items(), files, answers, strict=True):
        budgets = [0] if cell.is_reference else grid.budgets
        expected = [(budget, seed) for budget in budgets for seed in grid.seeds_of(cell.block)]
        refuse_unless_agreed(file, scores, read_table(predictions, "predictions"), names(cell), expected)
    rows = [read[done].assign(**names(counted)) for counted, done in grid.expanded_runs()]
    runs = pd.concat(rows, ignore_index=True)
    references = [read[cell] for cell in grid.cells if cell.is_reference]
    columns = list(TABLES["scores"])
    gathered = pd.concat(references, ignore_index=True) if references else pd.DataFrame(columns=columns)
    return tuple(
        frame.assign(study=grid.name)[list(TABLES["runs"])].sort_values(KEYS, ignore_index=True)
        for frame in (runs, gathered)
    )


def gather_predictions(grid: Grid, files: Sequence[str | Path]) -> pd.DataFrame:
    """Every prediction with the names of its cell, as they are computed (``scratch`` once per target).

    Args:
        files: the table ``predictions`` of each cell, in the order of the study's cells.
    """
    cells = zip(grid.cells, files, strict=True)
    return pd.concat([read_table(file, "predictions").assign(**names(cell)) for cell, file in cells], ignore_index=True)


def gather_curves(grid: Grid, files: Sequence[str | Path]) -> pd.DataFrame:
    """Loss curves of the trainings from a fresh start in target hosts, with technique, host and dataset.

    Args:
        files: the table ``curve`` of each of the trainings, in the order of ``grid.fresh``.
    """
    frames = []
    for training, file in zip(grid.fresh, files, strict=True):
        is_source = isinstance(training, Source)
        host = training.host if is_source else training.target_host
        dataset = training.dataset if is_source else training.target_dataset
        place = {"technique": training.technique, "target_host": host, "target_dataset": dataset}
        frames.append(read_table(file, "curve").assign(**place))
    columns = [*TABLES["curve"], "technique", "target_host", "target_dataset"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def names(cell: Cell) -> dict[str, str]:
    """The names of a cell, as columns."""
    return {column: getattr(cell, column) for column in CELL}
