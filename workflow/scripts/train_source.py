"""Train the source modules of one technique, host and dataset, for one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.compute.device import prepare_device
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.training.source import train_source

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    train_source(
        data={name: snakemake.input[name] for name in ("card", "train", "validation")},
        recipe={"technique": snakemake.params.technique, "training": snakemake.params.training},
        task=snakemake.params.task,
        seeds=snakemake.params.seeds,
        outputs=dict(snakemake.output.items()),
        provenance=provenance,
        checkpoint=checkpoint,
    )
