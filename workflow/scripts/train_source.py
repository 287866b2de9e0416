"""Train the source modules of one technique, host and dataset, for one block of seeds."""

from peftport.warm import enter_warm_process

enter_warm_process()

from peftport.checkpoints import Checkpoint
from peftport.jobs import job
from peftport.training.device import prepare_device
from peftport.training.source import train_source

with job(snakemake) as made, Checkpoint.of_job(snakemake.log[0], made["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    train_source(
        data={name: snakemake.input[name] for name in ("card", "train", "validation")},
        recipe={"technique": snakemake.params.technique, "training": snakemake.params.training},
        task=snakemake.params.task,
        seeds=snakemake.params.seeds,
        outputs=dict(snakemake.output.items()),
        made=made,
        checkpoint=checkpoint,
    )
