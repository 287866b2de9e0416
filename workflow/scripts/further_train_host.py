"""Train one host further."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.compute.device import prepare_device
from peftport.host_building.fewer_layers import with_layers
from peftport.host_building.further import train_further
from peftport.hosts.locate import known_folder
from peftport.hosts.recipe_settings import read_recipe
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.job import job
from peftport.jobs.progress import Progress
from peftport.prompting.lm_types.table import CLASSIFIER
from peftport.storage.cards import read_card, write_card
from peftport.storage.parquet import read_table, write_table

with job(snakemake) as provenance, Checkpoint.of_job(snakemake.log[0], provenance["key"]) as checkpoint:
    prepare_device(snakemake.threads, snakemake.resources)
    card, recipe = read_card(snakemake.input.base), read_recipe(snakemake.params.recipe)
    splits = snakemake.input.get("dataset") or []
    texts = {Path(file).stem: read_table(file, "examples")["text"].to_list() for file in splits}
    progress = Progress(snakemake.wildcards.host, recipe.steps)
    model, classifies = Path(snakemake.output.model), card["lm_type"] == CLASSIFIER
    with with_layers(known_folder(card), recipe.keep_layers) as base:
        curve, facts = train_further(recipe, base, model, texts, progress, checkpoint, classifies)
    write_table(snakemake.output.curve, curve, "host_curve", provenance)
    write_card(snakemake.output.note, facts | provenance)
