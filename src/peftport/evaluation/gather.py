"""Gather the scores of all cells into the tables of a study: one row per run, one per reference."""

from pathlib import Path

import pandas as pd

from peftport.storage.parquet import read_table
from peftport.storage.tables import CELL, TABLES
from peftport.study.grid import Cell, Source, Study

KEYS = [*CELL, "budget_steps", "seed"]


def gather_runs(study: Study, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``runs`` and ``references``.

    Args:
        study: the grid; ``scratch`` is computed once per target and counted once per transfer and dataset pair.
        folder: ``results/<study>``.

    Raises:
        ValueError: the rows are not exactly the runs that the study counts.
    """
    read = {cell: _asked(study, cell, folder, "scores") for cell in study.cells}
    rows = [read[done].assign(**names(counted)) for counted, done in study.expanded_runs()]
    runs = pd.concat(rows, ignore_index=True)
    if len(runs) != study.runs or runs.duplicated(KEYS).any():
        raise ValueError(f"runs: {len(runs)} rows, {int(runs.duplicated(KEYS).sum())} twice; expected {study.runs}")
    references = [read[cell] for cell in study.cells if cell.is_reference]
    columns = list(TABLES["scores"])
    gathered = pd.concat(references, ignore_index=True) if references else pd.DataFrame(columns=columns)
    return tuple(
        frame.assign(study=study.name)[list(TABLES["runs"])].sort_values(KEYS, ignore_index=True)
        for frame in (runs, gathered)
    )


def gather_predictions(study: Study, folder: Path) -> pd.DataFrame:
    """Every prediction with the names of its cell, as they are computed (``scratch`` once per target)."""
    return pd.concat(
        [_asked(study, cell, folder, "predictions").assign(**names(cell)) for cell in study.cells],
        ignore_index=True,
    )


def gather_curves(study: Study, folder: Path) -> pd.DataFrame:
    """Loss curves of the trainings from a fresh start in target hosts, with technique, host and dataset."""
    frames = []
    for one in study.fresh:
        host, dataset = (one.host, one.dataset) if isinstance(one, Source) else (one.target_host, one.target_dataset)
        place = {"technique": one.technique, "target_host": host, "target_dataset": dataset}
        curve = read_table(folder / one.path / "training.parquet", "curve")
        frames.append(curve[~curve["seed"].isin(study.unasked)].assign(**place))
    columns = [*TABLES["curve"], "technique", "target_host", "target_dataset"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def names(cell: Cell) -> dict[str, str]:
    """The names of a cell, as columns."""
    return {column: getattr(cell, column) for column in CELL}


def _asked(study: Study, cell: Cell, folder: Path, name: str) -> pd.DataFrame:
    """A table of a cell, at the budgets and seeds that the study asks for: a finished cell may hold more."""
    table = read_table(folder / cell.path / f"{name}.parquet", name)
    if cell.initialisation == "bare":  # of no seed
        return table
    table = table[~table["seed"].isin(study.unasked)]
    return table if cell.is_reference else table[table["budget_steps"].isin(study.budgets)]
