"""Write the tokens of a dataset's label words in one host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.jobs.job import job
from peftport.prompting.task import Task
from peftport.storage.cards import read_card, write_card

with job(snakemake) as provenance:
    card = read_card(snakemake.input.host)
    task = Task.for_host(snakemake.params.task, load_tokenizer(known_folder(card)), card)
    tokens = dict(zip(task.words, task.tokens, strict=True))
    write_card(snakemake.output.labels, {"label_tokens": tokens, **provenance})
