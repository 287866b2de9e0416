"""Evaluate one cell, or those that share a job: all budgets of one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.compute.device import prepare_device
from peftport.evaluation.cell import evaluate_cells
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.storage.parquet import write_table

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    params = snakemake.params
    data = {name: snakemake.input[name] for name in ("card", "train", "validation", "test")}
    recipe = {"technique": params.technique, **params.sections}
    names = {name: value for name, value in snakemake.wildcards.items() if name not in ("initialisation", "block")}
    cells = evaluate_cells(data, params.starts, params.budgets, recipe, params.task, names, checkpoint)
    for place, tables in enumerate(cells.values()):
        for name, table in tables.items():
            write_table(
                snakemake.output[name][place], table, name, provenance | {"budgets": params.budgets} | table.attrs
            )
