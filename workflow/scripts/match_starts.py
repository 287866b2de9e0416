"""Make what a block of modules in a target host starts from, where it is fitted to texts in that host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.jobs.job import job
from peftport.matching.starts import match_starts

with job(snakemake) as provenance:
    match_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders={int(seed): Path(folder) for seed, folder in snakemake.params.sources.items()},
        cards={"source": snakemake.input.source, "target": snakemake.input.target},
        data={"prompts": snakemake.input.prompts} | {name: snakemake.params[name] for name in ("task", "max_tokens")},
        outputs={seed: Path(snakemake.output[3 * place]).parent for place, seed in enumerate(snakemake.params.seeds)},
        provenance=provenance,
    )
