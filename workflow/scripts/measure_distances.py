"""Measure how far two hosts are apart, and how much of that lies where modules read and write."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.compute.computed_by import computed_by
from peftport.compute.device import CPU, take_threads
from peftport.distances.measure import measure_distances
from peftport.jobs.job import job
from peftport.storage.parquet import write_table

with job(snakemake) as provenance:
    take_threads(snakemake.threads)
    inputs, params, names = snakemake.input, snakemake.params, snakemake.wildcards
    table = measure_distances(
        study=params.study,
        hosts=(names.source_host, names.target_host),
        cards=(inputs.source, inputs.target),
        modules=list(zip(inputs.modules, params.modules, strict=True)),
        texts=dict(zip(params.texts, inputs.texts, strict=True)),
    )
    made = provenance | {"computed_by": computed_by("float32", CPU)}
    write_table(snakemake.output.table, table, "distances", made)
