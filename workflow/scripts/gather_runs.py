"""Gather all scores into one row per run and one per reference."""

from peftport.evaluation.gather import gather_runs
from peftport.jobs.job import job
from peftport.storage.parquet import write_table
from peftport.study.grid import Study

with job(snakemake) as provenance:
    study = Study({"study": snakemake.params.study, "grid": snakemake.params.grid})
    runs, references = gather_runs(study, snakemake.input.scores, snakemake.input.predictions)
    write_table(snakemake.output.runs, runs, "runs", provenance)
    write_table(snakemake.output.references, references, "references", provenance)
