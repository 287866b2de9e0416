"""Make what a block of modules in a target host starts from, where it is fitted to texts in that host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.jobs.job import job
from peftport.matching.starts import match_starts

with job(snakemake) as provenance:
    params, inputs = snakemake.params, snakemake.input
    match_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders={seed: Path(inputs.modules) / f"seed-{seed}" for seed in params.seeds},
        cards={"source": inputs.source, "target": inputs.target},
        data={"prompts": inputs.prompts} | {name: params[name] for name in ("task", "max_tokens")},
        outputs={seed: Path(snakemake.output.starts) / f"seed-{seed}" for seed in params.seeds},
        provenance=provenance,
    )
