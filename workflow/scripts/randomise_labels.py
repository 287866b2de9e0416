"""Shuffle the labels of training data."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.data.derive import shuffle_labels
from peftport.jobs.job import job
from peftport.storage.parquet import read_provenance, read_table, write_table

with job(snakemake) as provenance:
    splits = {name: read_table(snakemake.input[name], "examples") for name in ("train", "validation")}
    splits, facts = shuffle_labels(splits, snakemake.params.seed, read_provenance(snakemake.input.train)["facts"])
    for name, examples in splits.items():
        write_table(snakemake.output[name], examples, "examples", provenance | {"facts": facts})
