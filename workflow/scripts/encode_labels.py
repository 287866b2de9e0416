"""Write the tokens of a dataset's label words in one host."""

from peftport.warm import enter_warm_process

enter_warm_process()

from peftport.files import read_card, write_card
from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.hosts.readings.table import reading
from peftport.jobs import job

with job(snakemake) as made:
    card, words = read_card(snakemake.input.host), snakemake.params.words
    tokens = reading(card["reading"]).label_tokens(load_tokenizer(known_folder(card)), words, "{text} {answer}")
    write_card(snakemake.output.labels, {"label_tokens": tokens, **made})
