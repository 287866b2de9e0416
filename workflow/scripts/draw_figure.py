"""Draw one figure from its tables."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.figures.table import draw
from peftport.jobs.job import job
from peftport.storage.cards import write_digests
from peftport.storage.parquet import read_table

with job(snakemake) as provenance:
    names = snakemake.params.tables
    tables = {name: read_table(file, name) for name, file in zip(names, snakemake.input.tables, strict=True)}
    draw(snakemake.wildcards.figure, tables, snakemake.output.figure)
    write_digests(snakemake.output.card, [snakemake.output.figure], provenance)
