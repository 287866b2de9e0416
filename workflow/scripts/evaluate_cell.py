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
from peftport.storage.names import seed_folders
from peftport.storage.parquet import write_table
from peftport.storage.tables import CELL

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    params, inputs = snakemake.params, snakemake.input
    training, evaluation = TrainingSettings(**params.training), EvaluationSettings(**params.evaluation)
    tables = evaluate_cell(
        inputs=HostInputs(**{name: inputs[name] for name in ("card", "train", "validation", "test")}),
        starts=seed_folders(inputs.starts[0], params.seeds) if inputs.starts else dict.fromkeys(params.seeds),
        settings=CellSettings(params.technique, training, evaluation, params.task, params.budgets, params.taught),
        names={name: snakemake.wildcards[name] for name in CELL},
        checkpoint=checkpoint,
    )
    provenance |= {"computed_by": computed_by(training.host_precision)}
    for name, table in tables.items():
        write_table(snakemake.output[name], table, name, provenance)
