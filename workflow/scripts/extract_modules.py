"""Extract the modules of one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.jobs.job import job
from peftport.training.extract import extract_modules

with job(snakemake) as provenance:
    folders = [Path(table).parent for table in snakemake.output.tensors]
    seeds = dict(zip(snakemake.params.seeds, folders, strict=True))
    extract_modules(snakemake.input.state, snakemake.input.config, seeds, provenance)
