"""Write the card of one host: what it is, and the tokens of every label word of the study."""

from peftport.warm import enter_warm_process

enter_warm_process()

from pathlib import Path

from peftport.files import read_json, write_json
from peftport.hosts.labels import label_tokens
from peftport.hosts.load import load_tokenizer
from peftport.jobs import job

with job(snakemake) as made:
    facts = read_json(snakemake.input.host)
    tokens = label_tokens(load_tokenizer(Path(facts["folder"])), snakemake.params.words)
    write_json(snakemake.output.card, facts | made | {"label_tokens": tokens})
