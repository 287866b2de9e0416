"""Gather the distances of all transfers."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

import pandas as pd

from peftport.jobs.job import job
from peftport.storage.parquet import read_table, write_table

with job(snakemake) as provenance:
    tables = [read_table(file, "distances") for file in snakemake.input.tables]
    write_table(snakemake.output.table, pd.concat(tables, ignore_index=True), "distances", provenance)
