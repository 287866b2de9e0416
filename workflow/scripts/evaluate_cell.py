"""Evaluate one cell: all budgets of one block of seeds."""

from peftport.warm import enter_warm_process

enter_warm_process()

from peftport.evaluation.cell import evaluate_cell
from peftport.jobs import job
from peftport.tables import write_table
from peftport.training.device import prepare_device

with job(snakemake) as made:
    prepare_device(snakemake.threads, snakemake.resources)
    params, cell = snakemake.params, dict(snakemake.wildcards.items())
    tables = evaluate_cell(
        data={name: snakemake.input[name] for name in ("card", "train", "test")},
        starts=params.starts,
        budgets=params.budgets,
        recipe={"technique": params.technique, **params.sections},
        task=params.task,
        cell={name: value for name, value in cell.items() if name != "block"},
    )
    for name, table in tables.items():
        write_table(snakemake.output[name], table, name, made | {"budgets": params.budgets} | table.attrs)
