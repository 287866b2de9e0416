"""Gather all scores into one row per run and one per reference."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.evaluation.gather import gather_runs
from peftport.jobs.job import job
from peftport.storage.parquet import write_table
from peftport.study.grid import Grid
from peftport.study.grid_settings import GridSettings

with job(snakemake) as provenance:
    params = snakemake.params
    grid = Grid(params.study, GridSettings.model_validate(params.grid), hybrids=params.hybrids)
    runs, references = gather_runs(grid, snakemake.input.scores, snakemake.input.predictions)
    write_table(snakemake.output.runs, runs, "runs", provenance)
    write_table(snakemake.output.references, references, "references", provenance)
