"""Compute one table of statistics."""

from pathlib import Path

from peftport.evaluation.gather import gather_predictions
from peftport.jobs.job import job
from peftport.statistics.table import compute
from peftport.storage.parquet import read_table, write_table
from peftport.study.grid import Study

with job(snakemake) as provenance:
    name, results = snakemake.wildcards.table, Path(snakemake.output.table).parents[1]
    study = Study({"study": snakemake.params.study, "grid": snakemake.params.grid})
    tables = {Path(file).stem: read_table(file, Path(file).stem) for file in snakemake.input.tables}
    tables["predictions"] = gather_predictions(study, results)
    write_table(snakemake.output.table, compute(name, tables, snakemake.params.settings), name, provenance)
