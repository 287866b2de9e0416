"""Extract the modules of one block of seeds."""

from peftport.warm import enter_warm_process

enter_warm_process(start=False)

from pathlib import Path

from peftport.jobs import job
from peftport.training.extract import extract_modules

with job(snakemake) as made:
    folders = [Path(table).parent for table in snakemake.output.tensors]
    seeds = dict(zip(snakemake.params.seeds, folders, strict=True))
    extract_modules(snakemake.input.state, snakemake.input.config, seeds, made)
