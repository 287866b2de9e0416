"""Write the prompts of a dataset's splits as token ids of one host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.jobs.job import job
from peftport.prompting.task import Task
from peftport.storage.cards import read_card
from peftport.storage.parquet import read_table, write_table

with job(snakemake) as provenance:
    card, params = read_card(snakemake.input.host), snakemake.params
    task = Task.for_host(params.task, params.max_tokens, load_tokenizer(known_folder(card)), card)
    for split, path in snakemake.output.items():
        prompts = task.encode(read_table(snakemake.input[split], "examples"))
        write_table(path, prompts.table(), "prompts", provenance)
