"""Extract the modules of one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.jobs.job import job
from peftport.training.extract import extract_modules

with job(snakemake) as provenance:
    folders = {seed: Path(snakemake.output.modules) / f"seed-{seed}" for seed in snakemake.params.seeds}
    extract_modules(snakemake.input.state, snakemake.input.config, folders, provenance)
