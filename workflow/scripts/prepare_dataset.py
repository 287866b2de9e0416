"""Prepare one dataset: read, clean, split."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.data.prepare import prepare
from peftport.data.settings import DatasetSettings
from peftport.jobs.job import job
from peftport.storage.hub_refusal import named
from peftport.storage.parquet import write_table

with job(snakemake) as provenance, named(f"datasets.{snakemake.wildcards.dataset}.source.hub"):
    splits, facts = prepare(DatasetSettings.model_validate(snakemake.params.definition), Path.cwd())
    for name, examples in splits.items():
        write_table(snakemake.output[name], examples, "examples", provenance | {"facts": facts})
