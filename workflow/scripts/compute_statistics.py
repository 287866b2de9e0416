"""Compute one table of statistics."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.evaluation.gather import gather_predictions
from peftport.jobs.job import job
from peftport.statistics.table import compute
from peftport.storage.parquet import read_table, write_table
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings

with job(snakemake) as provenance:
    name, params = snakemake.wildcards.table, snakemake.params
    grid = Grid(params.study, GridSettings.model_validate(params.grid), hybrids=params.hybrids)
    tables = {Path(file).stem: read_table(file, Path(file).stem) for file in snakemake.input.tables}
    tables["predictions"] = gather_predictions(grid, snakemake.input.predictions)
    write_table(snakemake.output.table, compute(name, tables, params.settings), name, provenance)
