"""Compute one table of statistics."""

from pathlib import Path

from peftport.evaluation.gather import gather_predictions
from peftport.jobs import job
from peftport.statistics.table import compute
from peftport.study import Study
from peftport.tables import read_table, write_table

with job(snakemake) as made:
    params, name = snakemake.params, snakemake.wildcards.table
    tables = {Path(file).stem: read_table(file, Path(file).stem) for file in snakemake.input.tables}
    tables["predictions"] = gather_predictions(Study({"study": params.study, "grid": params.grid}), Path(params.folder))
    write_table(snakemake.output.table, compute(name, tables, params.settings), name, made)
