"""Check that modules of a technique can be carried from one host to another along a map."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.jobs.job import job
from peftport.maps.admissible import verdict
from peftport.storage.cards import read_card, write_card

with job(snakemake) as provenance:
    source, target = read_card(snakemake.input.source), read_card(snakemake.input.target)
    said = verdict(snakemake.params.settings, source, target, snakemake.params.techniques)
    write_card(snakemake.output.transfer, said | provenance)
