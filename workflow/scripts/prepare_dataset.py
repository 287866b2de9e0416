"""Prepare one dataset: read, clean, split."""

from pathlib import Path

from peftport.data.prepare import prepare
from peftport.jobs import job
from peftport.tables import write_table

with job(snakemake) as made:
    splits, facts = prepare(snakemake.params.definition, Path.cwd())
    for name, examples in splits.items():
        write_table(snakemake.output[name], examples, "examples", made | {"facts": facts})
