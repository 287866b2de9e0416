"""Compute one table of statistics."""

from pathlib import Path

from peftport.evaluation.gather import gather_predictions
from peftport.jobs import job
from peftport.statistics.table import compute
from peftport.study import Study
from peftport.tables import read_table, write_table

with job(snakemake) as made:
    name, results = snakemake.wildcards.table, Path(snakemake.output.table).parents[1]
    study = Study({"study": snakemake.params.study, "grid": snakemake.params.grid})
    tables = {Path(file).stem: read_table(file, Path(file).stem) for file in snakemake.input.tables}
    tables["predictions"] = gather_predictions(study, results)
    write_table(snakemake.output.table, compute(name, tables, snakemake.params.settings), name, made)
