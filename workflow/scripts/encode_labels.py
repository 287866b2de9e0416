"""Write the tokens of a dataset's label words in one host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.jobs.job import job
from peftport.prompting.lm_types.table import lm_type
from peftport.storage.cards import read_card, write_card

with job(snakemake) as provenance:
    card, task = read_card(snakemake.input.host), snakemake.params.task
    tokenizer = load_tokenizer(known_folder(card))
    tokens = lm_type(card["lm_type"]).label_tokens(tokenizer, task["words"], task["template"])
    write_card(snakemake.output.labels, {"label_tokens": tokens, **provenance})
