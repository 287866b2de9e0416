"""Make a map from one host to another."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.compute.computed_by import computed_by
from peftport.compute.device import CPU, take_threads
from peftport.jobs.job import job
from peftport.maps.make import make_map, numbers

with job(snakemake) as provenance:
    take_threads(snakemake.threads)
    inputs, names = snakemake.input, snakemake.wildcards
    make_map(
        settings=snakemake.params.settings,
        cards={"source": inputs.source, "target": inputs.target},
        texts=inputs.texts,
        names=(names.source_host, names.target_host, names.map),
        folder=Path(snakemake.output.map).parent,
        provenance=provenance | {"computed_by": computed_by(numbers(inputs.texts), CPU)},
    )
