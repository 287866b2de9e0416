"""Evaluate one cell: all budgets of one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.compute.device import prepare_device
from peftport.evaluation.cell import evaluate_cells
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.storage.parquet import write_table

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    params, inputs = snakemake.params, snakemake.input
    data = {name: inputs[name] for name in ("card", "train", "validation", "test")}
    starts = {seed: Path(inputs.starts[0]) / f"seed-{seed}" if inputs.starts else None for seed in params.seeds}
    recipe = {"technique": params.technique, "training": params.training, "evaluation": params.evaluation}
    names = {name: value for name, value in snakemake.wildcards.items() if name not in ("initialisation", "block")}
    kind = snakemake.wildcards.initialisation
    cells = evaluate_cells(data, {kind: starts}, params.budgets, recipe, params.task, names, checkpoint)
    for name, table in cells[kind].items():
        write_table(snakemake.output[name], table, name, provenance | table.attrs)
