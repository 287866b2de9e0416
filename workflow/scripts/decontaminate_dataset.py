"""Take the texts of another dataset's test set out of training data."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from peftport.data.derive import leave_out
from peftport.jobs.job import job
from peftport.storage.parquet import read_provenance, read_table, write_table

with job(snakemake) as provenance:
    splits = {name: read_table(snakemake.input[name], "examples") for name in ("train", "validation")}
    test, facts = read_table(snakemake.input.test, "examples"), read_provenance(snakemake.input.train)["facts"]
    splits, facts = leave_out(splits, test, facts)
    for name, examples in splits.items():
        write_table(snakemake.output[name], examples, "examples", provenance | {"facts": facts})
