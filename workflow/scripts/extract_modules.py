"""Extract the modules of one block of seeds."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)


from peftport.jobs.job import job
from peftport.storage.names import seed_folders
from peftport.training.extract import extract_modules

with job(snakemake) as provenance:
    folders = seed_folders(snakemake.output.modules, snakemake.params.seeds)
    extract_modules(snakemake.input.state, snakemake.input.config, folders, provenance)
