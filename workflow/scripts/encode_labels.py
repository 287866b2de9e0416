"""Write the tokens of a dataset's label words in one host."""

from peftport.files import read_card, write_card
from peftport.hosts.labels import label_tokens
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.jobs import job

with job(snakemake) as made:
    tokenizer = load_tokenizer(known_folder(read_card(snakemake.input.host)))
    write_card(snakemake.output.labels, {"label_tokens": label_tokens(tokenizer, snakemake.params.words), **made})
