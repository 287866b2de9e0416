"""Write one host in other coordinates."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.host_building.rewrite import rewrite_host
from peftport.hosts.locate import known_folder
from peftport.hosts.recipe_settings import read_recipe
from peftport.jobs.job import job
from peftport.storage.cards import read_card, write_card

with job(snakemake) as provenance:
    base, recipe = known_folder(read_card(snakemake.input.base)), read_recipe(snakemake.params.recipe)
    write_card(snakemake.output.note, rewrite_host(recipe, base, Path(snakemake.output.model)) | provenance)
