"""Accuracies of both sides, run by run, and whether they differ by more than seeds do."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.jobs import result, tests
from peftport.storage.parquet import read_table
from peftport.storage.tables import CELL
from peftport.study.study import Study

GROUP = ["technique", "initialisation", "budget_steps"]


def read_accuracies(study: Study, ours: Path, rival: Path) -> pd.DataFrame:
    """One row per run and reference: its names, ``ours`` and ``rival``.

    Raises:
        ValueError: a side lacks a run.
    """
    rows = [
        {name: getattr(cell, name) for name in CELL}
        | {"budget_steps": budget, "seed": seed}
        | {"rival": json.loads(Path(result(rival, cell, budget, seed)).read_text())["accuracy"]}
        for cell in [counted for counted, _ in study.expanded_runs()] + [c for c in study.cells if c.is_reference]
        for budget, seed in tests(study, cell)
    ]
    names = [*CELL, "budget_steps", "seed"]
    tables = ours / "results" / study.name / "tables"
    done = pd.concat([read_table(tables / f"{name}.parquet", name) for name in ("runs", "references")])
    table = done[[*names, "accuracy"]].rename(columns={"accuracy": "ours"}).merge(pd.DataFrame(rows), on=names)
    if not len(table) == len(rows) == len(done):
        raise ValueError(f"{len(done)} rows of ours, {len(rows)} of the rival's, {len(table)} in both")
    return table


def accuracy_table(table: pd.DataFrame) -> str:
    """Markdown: mean accuracy of both sides over seeds and transfers, their difference, and its standard error.

    The standard error takes both sides' runs as independent: their data come in another order.
    """
    lines = ["## Accuracy\n", "| technique | start | steps | runs | ours | rival | difference | standard error |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    beyond, groups = 0, 0
    for names, rows in table.groupby(GROUP, sort=True):
        difference = rows["ours"].mean() - rows["rival"].mean()
        error = float(np.sqrt((rows["ours"].var() + rows["rival"].var()) / len(rows))) if len(rows) > 1 else np.nan
        if error > 0:
            groups, beyond = groups + 1, beyond + int(abs(difference) > 2 * error)
        shown = [*map(str, names), str(len(rows)), f"{rows['ours'].mean():.3f}", f"{rows['rival'].mean():.3f}"]
        lines.append(f"| {' | '.join([*shown, f'{difference:+.3f}', f'{error:.3f}'])} |")
    mean, largest = (table["ours"] - table["rival"]).mean(), (table["ours"] - table["rival"]).abs().max()
    lines.append(
        f"\nOver {len(table)} runs: mean difference {mean:+.4f}, largest {largest:.3f}. "
        f"{beyond} of {groups} groups differ by more than two standard errors."
    )
    return "\n".join(lines) + "\n"
