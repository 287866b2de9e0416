"""Build one small host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.compute.device import take_threads
from peftport.host_building.build import build_host, facts
from peftport.hosts.locate import base_folder
from peftport.hosts.recipe_settings import read_recipe
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.jobs.progress import Progress
from peftport.storage.parquet import write_table

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    take_threads(snakemake.threads)
    recipe, folder = read_recipe(snakemake.params.recipe), Path(snakemake.output.model)
    base = base_folder(snakemake.input.base)
    progress = Progress(snakemake.wildcards.host, snakemake.params.steps)
    curve = build_host(recipe, folder, base, snakemake.threads, progress, checkpoint)
    write_table(snakemake.output.curve, curve, "host_curve", provenance | facts(folder))
