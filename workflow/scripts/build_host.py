"""Build one small host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.host_building.build import FILES, build_host
from peftport.hosts.locate import known_folder
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.jobs.progress import Progress
from peftport.storage.cards import read_card
from peftport.storage.files import file_digests
from peftport.storage.parquet import write_table

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    recipe, base, folder = snakemake.params.recipe, snakemake.input.base, Path(snakemake.output.model)
    base = known_folder(read_card(base[0])) if base else None
    progress = Progress(snakemake.wildcards.host, snakemake.params.steps)
    curve = build_host(recipe, folder, base, snakemake.threads, progress, checkpoint)
    write_table(snakemake.output.curve, curve, "host_curve", provenance | {"files": file_digests(folder, FILES)})
