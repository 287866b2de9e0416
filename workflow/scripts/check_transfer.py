"""Check that modules can be copied from one host to another."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.jobs.job import job
from peftport.porting.compatibility import notes, refuse_unless_compatible
from peftport.storage.cards import read_card, write_card

with job(snakemake) as provenance:
    source, target = read_card(snakemake.input.source), read_card(snakemake.input.target)
    refuse_unless_compatible(source, target)
    write_card(snakemake.output.transfer, {"notes": notes(source, target), **provenance})
