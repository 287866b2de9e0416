"""Write the report of a study."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.jobs.job import job
from peftport.report.page import write_report
from peftport.report.study import describe_cost, describe_study
from peftport.storage.cards import write_digests
from peftport.storage.parquet import read_table
from peftport.study.settings import StudySettings
from peftport.study.study import Study

with job(snakemake) as provenance:
    study = Study(StudySettings.model_validate(snakemake.params.config))
    page, inputs = Path(snakemake.output.page), snakemake.input
    files = {Path(file).stem: file for file in (*inputs.tables, inputs.overlap)}
    write_report(
        page,
        study=describe_study(study, inputs.cards, inputs.datasets, inputs.prompts, inputs.maps),
        tables={name: read_table(file, name) for name, file in files.items()},
        figures={Path(file).stem: Path(file) for file in inputs.figures},
        cost=describe_cost(study, page.parent / "benchmarks"),
    )
    write_digests(snakemake.output.card, [page, snakemake.output.verdict], provenance)
