"""Train the source modules of one technique, host and dataset, for one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.compute.computed_by import computed_by
from peftport.compute.device import prepare_device
from peftport.compute.host_inputs import HostInputs
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.settings import TrainingSettings
from peftport.training.source import SourceOutputs, SourceSettings, train_source

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    params, training = snakemake.params, TrainingSettings(**snakemake.params.training)
    train_source(
        inputs=HostInputs(**{name: snakemake.input[name] for name in ("card", "train", "validation")}),
        settings=SourceSettings(params.technique, training, params.task, params.seeds),
        outputs=SourceOutputs(**{name: snakemake.output[name] for name in ("curve", "state", "config")}),
        provenance=provenance | {"computed_by": computed_by(training.host_precision)},
        checkpoint=checkpoint,
    )
