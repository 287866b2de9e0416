"""Write the prompts of one split of a dataset as token ids of one host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.jobs.job import job
from peftport.prompting.lengths import cut_sentence
from peftport.prompting.task import Task
from peftport.storage.cards import read_card
from peftport.storage.parquet import read_table, write_table

with job(snakemake) as provenance:
    card, params = read_card(snakemake.input.host), snakemake.params
    tokenizer = load_tokenizer(known_folder(card))
    task = Task.for_host(params.task, tokenizer, card, params.max_tokens)
    prompts = task.encode(read_table(snakemake.input.examples, "examples"), snakemake.wildcards.split)
    lengths = prompts.lengths(task.with_room(prompts.answers).longest_prompt())
    print(cut_sentence(lengths) or "no prompt was cut", flush=True)
    write_table(snakemake.output.prompts, prompts.table(), "prompts", provenance | {"facts": lengths})
