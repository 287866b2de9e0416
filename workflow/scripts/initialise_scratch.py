"""Write the technique's fresh initialisation in a target host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()


from peftport.compute.computed_by import computed_by
from peftport.compute.device import CPU, take_threads
from peftport.jobs.job import job
from peftport.storage.names import seed_folders
from peftport.training.fresh_start import initialise_scratch

with job(snakemake) as provenance:
    take_threads(snakemake.threads)
    folders = seed_folders(snakemake.output.starts, snakemake.params.seeds)
    provenance |= {"computed_by": computed_by("float32", CPU)}
    initialise_scratch(snakemake.input.card, snakemake.params.technique, folders, provenance)
