"""Shuffle the labels of training data."""

from peftport.data.derive import shuffle_labels
from peftport.jobs import job
from peftport.tables import read_made, read_table, write_table

with job(snakemake) as made:
    splits = {name: read_table(snakemake.input[name], "examples") for name in ("train", "validation")}
    splits, facts = shuffle_labels(splits, snakemake.params.seed, read_made(snakemake.input.train)["facts"])
    for name, examples in splits.items():
        write_table(snakemake.output[name], examples, "examples", made | {"facts": facts})
