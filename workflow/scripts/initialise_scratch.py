"""Write the technique's fresh initialisation in a target host."""

from peftport.warm import enter_warm_process

enter_warm_process()

from pathlib import Path

from peftport.jobs import job
from peftport.training.scratch import initialise_scratch

with job(snakemake) as made:
    seeds = enumerate(snakemake.params.seeds)
    folders = {seed: Path(snakemake.output[3 * place]).parent for place, seed in seeds}
    initialise_scratch(snakemake.input.card, snakemake.params.technique, folders, made)
