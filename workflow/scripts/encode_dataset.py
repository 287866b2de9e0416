"""Write the prompts of a dataset's splits as token ids of one host."""

from peftport.warm import enter_warm_process

enter_warm_process()

from peftport.files import read_card
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.jobs import job
from peftport.tables import read_table, write_table
from peftport.training.task import Task

with job(snakemake) as made:
    card, params = read_card(snakemake.input.host), snakemake.params
    task = Task.for_host(params.task, params.max_tokens, load_tokenizer(known_folder(card)), card)
    for split, path in snakemake.output.items():
        prompts = task.encode(read_table(snakemake.input[split], "examples"))
        write_table(path, prompts.table(), "prompts", made)
