"""Evaluate one cell, or those that share a job: all budgets of one block of seeds."""

from peftport.warm import enter_warm_process

enter_warm_process()

from peftport.checkpoints import Checkpoint
from peftport.evaluation.cell import evaluate_cells
from peftport.jobs import job
from peftport.tables import write_table
from peftport.training.device import prepare_device

with job(snakemake) as made, Checkpoint.of_job(snakemake.log[0], made["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    params = snakemake.params
    data = {name: snakemake.input[name] for name in ("card", "train", "validation", "test")}
    recipe = {"technique": params.technique, **params.sections}
    names = {name: value for name, value in snakemake.wildcards.items() if name not in ("initialisation", "block")}
    cells = evaluate_cells(data, params.starts, params.budgets, recipe, params.task, names, checkpoint)
    for place, tables in enumerate(cells.values()):
        for name, table in tables.items():
            write_table(snakemake.output[name][place], table, name, made | {"budgets": params.budgets} | table.attrs)
