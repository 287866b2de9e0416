"""Take a module that exists already into the study."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.adapters.admit import Existing, admit_module
from peftport.compute.device import take_threads
from peftport.jobs.job import job
from peftport.storage.names import seed_folders
from peftport.study.existing import adapter_folder
from peftport.study.module_settings import ModuleSettings

with job(snakemake) as provenance:
    take_threads(snakemake.threads)
    params, origin = snakemake.params, ModuleSettings.model_validate(snakemake.params.origin)
    admit_module(
        Path(snakemake.input.card),
        Existing(
            folder=adapter_folder(origin, Path()),
            initial=None if origin.initial is None else Path(origin.initial),
            technique=params.technique,
            origin=params.origin,
            dataset=snakemake.wildcards.dataset,
            labels=params.labels,
            outputs=origin.labels or (),
        ),
        seed_folders(snakemake.output.modules, params.seeds),
        provenance,
    )
