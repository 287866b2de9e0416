"""Write the card of one host: what it is, and the tokens of every label word of the study."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.jobs.job import job
from peftport.storage.cards import read_card, write_card

with job(snakemake) as provenance:
    tokens = {}
    for file in snakemake.input.labels:
        tokens |= read_card(file)["label_tokens"]
    write_card(snakemake.output.card, read_card(snakemake.input.host) | provenance | {"label_tokens": tokens})
