"""Evaluate one cell: all budgets of one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.compute.computed_by import computed_by
from peftport.compute.device import prepare_device
from peftport.compute.host_inputs import HostInputs
from peftport.evaluation.cell import CellSettings, evaluate_cell
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.settings import EvaluationSettings, TrainingSettings
from peftport.storage.parquet import write_table

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    params, training = snakemake.params, TrainingSettings(**snakemake.params.training)
    tables = evaluate_cell(
        inputs=HostInputs(**{name: snakemake.input[name] for name in ("card", "train", "validation", "test")}),
        starts={int(seed): folder for seed, folder in params.starts.items()},
        settings=CellSettings(
            params.technique, training, EvaluationSettings(**params.evaluation), params.task, params.budgets
        ),
        names={name: value for name, value in snakemake.wildcards.items() if name != "block"},
        checkpoint=checkpoint,
    )
    provenance |= {"budgets": params.budgets, "computed_by": computed_by(training.host_precision)}
    for name, table in tables.items():
        write_table(snakemake.output[name], table, name, provenance)
