"""Gather all scores into one row per run and one per reference."""

from pathlib import Path

from peftport.evaluation.gather import gather_runs
from peftport.jobs import job
from peftport.study import Study
from peftport.tables import write_table

with job(snakemake) as made:
    study = Study({"study": snakemake.params.study, "grid": snakemake.params.grid})
    runs, references = gather_runs(study, Path(snakemake.output.runs).parents[1])
    write_table(snakemake.output.runs, runs, "runs", made)
    write_table(snakemake.output.references, references, "references", made)
