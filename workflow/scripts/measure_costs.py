"""Measure what every technique of the study adds to one host and takes there."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.compute.device import prepare_device
from peftport.costs.measure import measure_costs
from peftport.jobs.job import job
from peftport.storage.parquet import write_table

with job(snakemake) as provenance:
    prepare_device(snakemake.threads, snakemake.resources)
    costs = measure_costs(
        data={"card": snakemake.input.card, "train": snakemake.input.train},
        techniques=snakemake.params.techniques,
        training=snakemake.params.training,
        task=snakemake.params.task,
        settings=snakemake.params.costs,
    )
    write_table(snakemake.output.table, costs, "costs", provenance)
