"""Audit which texts two datasets' splits share."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.data.overlap import overlap
from peftport.jobs.job import job
from peftport.storage.parquet import read_table, write_table

with job(snakemake) as provenance:
    datasets = {name: {} for name in snakemake.params.datasets}
    for path in map(Path, snakemake.input.splits):
        datasets[path.parent.name][path.stem] = read_table(path, "examples")
    write_table(snakemake.output.table, overlap(datasets), "overlap", provenance)
