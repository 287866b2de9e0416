"""Whether tables of a finished study agree with each other: predictions, scores, and the rows gathered from them."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from peftport.evaluation.agreement import refuse_unless_agreed
from peftport.evaluation.gather import gather_runs, names
from peftport.jobs.inputs import Fault
from peftport.planning.graph import Graph
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.gather_runs import GatherRuns
from peftport.storage.files import DamagedFile
from peftport.storage.parquet import read_table
from peftport.study.entries import Cell

NOT_THEIRS = "its rows are not those of the scores of the study's cells"


def sum_faults(graph: Graph, wrong: set[Path]) -> Iterator[Fault]:
    """The tables that do not agree with their neighbours; the study runs in the working directory.

    Args:
        wrong: files of the study that are known to be wrong; they are not looked at.
    """
    probed = {cell: _tables(graph, cell) for cell in graph.study.probed}
    yield from _each(graph, {cell: files for cell, files in probed.items() if not wrong.intersection(files)})
    cells = {cell: _tables(graph, cell) for cell in graph.study.cells}
    whole = {cell: files for cell, files in cells.items() if not wrong.intersection(files)}
    if len(whole) < len(cells):
        yield from _each(graph, whole)
        return
    try:
        gathered = gather_runs(graph.study, *zip(*cells.values(), strict=True))
    except DamagedFile:
        yield from _each(graph, cells)
        return
    for name, table in zip(GatherRuns.FILES, gathered, strict=True):
        path = Path(graph.path(GatherRuns().output(name)))
        if path not in wrong and not _equal(read_table(path, name), table):
            yield Fault(path, f"is damaged: {NOT_THEIRS}")


def _tables(graph: Graph, cell: Cell) -> tuple[Path, Path]:
    """Where the scores and the predictions of a cell lie."""
    stage = EvaluateCell(**vars(cell))
    return tuple(Path(graph.path(stage.output(name))) for name in ("scores", "predictions"))


def _each(graph: Graph, cells: dict[Cell, tuple[Path, Path]]) -> Iterator[Fault]:
    """The scores that are not the sums of their predictions, or not of the cell's runs."""
    study = graph.study
    for cell, (scores, predictions) in cells.items():
        budgets = [0] if cell.is_reference else study.budgets
        runs = [(budget, seed) for budget in budgets for seed in study.seeds_of(cell.block)]
        tables = read_table(scores, "scores"), read_table(predictions, "predictions")
        try:
            refuse_unless_agreed(scores, *tables, names(cell), runs)
        except DamagedFile as error:
            yield Fault(error.path, f"is damaged: {error.why}")


def _equal(written: pd.DataFrame, gathered: pd.DataFrame) -> bool:
    """Whether a table that was written holds these rows, whatever the types of columns in memory."""
    try:
        pd.testing.assert_frame_equal(written, gathered, check_dtype=False, check_exact=True)
    except AssertionError:
        return False
    return True
