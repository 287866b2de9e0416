"""Measure what every technique of the study adds to one host and takes there."""

from peftport.warm import enter_warm_process

enter_warm_process()

from peftport.costs.measure import measure_costs
from peftport.jobs import job
from peftport.tables import write_table
from peftport.training.device import prepare_device

with job(snakemake) as made:
    prepare_device(snakemake.threads, snakemake.resources)
    costs = measure_costs(
        data={"card": snakemake.input.card, "train": snakemake.input.train[0]},
        techniques=snakemake.params.techniques,
        training=snakemake.params.training,
        task=snakemake.params.task,
        settings=snakemake.params.settings,
    )
    write_table(snakemake.output.table, costs, "costs", made)
