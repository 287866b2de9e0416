"""Train what a block of modules in a target host starts from, by the answers of their teachers."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.compute.computed_by import computed_by
from peftport.compute.device import prepare_device
from peftport.compute.host_inputs import HostInputs
from peftport.distillation.starts import StudentOutputs, StudentSettings, distil_starts
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.settings import TrainingSettings
from peftport.storage.names import seed_folders

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
    training = TrainingSettings(**params.training)
    distil_starts(
        inputs=HostInputs(**{name: inputs[name] for name in ("card", "train", "validation")}),
        answers=Path(inputs.answers),
        fresh=seed_folders(inputs.fresh, params.seeds),
        settings=StudentSettings(params.technique, training, params.task, params.steps),
        outputs=StudentOutputs(seed_folders(outputs.starts, params.seeds), Path(outputs.curve)),
        provenance=provenance | {"computed_by": computed_by(training.host_precision)},
        checkpoint=checkpoint,
    )
