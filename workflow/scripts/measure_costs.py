"""Measure what every technique of the study adds to one host and takes there."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.compute.computed_by import computed_by
from peftport.compute.device import prepare_device
from peftport.compute.host_inputs import HostInputs
from peftport.costs.measure import measure_costs, measured_in
from peftport.jobs.job import job
from peftport.settings import CostSettings, TrainingSettings
from peftport.storage.cards import read_card
from peftport.storage.parquet import write_table

with job(snakemake) as provenance:
    prepare_device(snakemake.threads, snakemake.resources)
    params = snakemake.params
    costs = measure_costs(
        inputs=HostInputs(card=snakemake.input.card, train=snakemake.input.train),
        techniques=params.techniques,
        training=TrainingSettings(**params.training),
        task=params.task,
        settings=CostSettings(**params.costs),
    )
    provenance |= {"computed_by": computed_by(measured_in(read_card(snakemake.input.card)))}
    write_table(snakemake.output.table, costs, "costs", provenance)
