"""Write the card of one host: what it is, and the tokens of every label word of the study."""

from peftport.files import read_card, write_card
from peftport.jobs import job

with job(snakemake) as made:
    tokens = {}
    for file in snakemake.input.labels:
        tokens |= read_card(file)["label_tokens"]
    write_card(snakemake.output.card, read_card(snakemake.input.host) | made | {"label_tokens": tokens})
