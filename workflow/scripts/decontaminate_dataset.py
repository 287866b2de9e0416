"""Take the texts of another dataset's test set out of training data."""

from peftport.data.derive import leave_out
from peftport.jobs import job
from peftport.tables import read_made, read_table, write_table

with job(snakemake) as made:
    splits = {name: read_table(snakemake.input[name], "examples") for name in ("train", "validation")}
    test, facts = read_table(snakemake.input.test, "examples"), read_made(snakemake.input.train)["facts"]
    splits, facts = leave_out(splits, test, facts)
    for name, examples in splits.items():
        write_table(snakemake.output[name], examples, "examples", made | {"facts": facts})
