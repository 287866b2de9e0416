"""Make what a block of modules in a target host starts from."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.jobs.job import job
from peftport.porting.start import make_starts

with job(snakemake) as provenance:
    params, inputs = snakemake.params, snakemake.input
    siblings = [Path(folder) for folder in inputs.siblings]
    make_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders={seed: Path(inputs.modules) / f"seed-{seed}" for seed in params.seeds},
        siblings={
            int(seed): [siblings[place] / f"seed-{other}" for place, other in others]
            for seed, others in params.siblings.items()
        },
        cards={"source": inputs.source, "target": inputs.target},
        outputs={seed: Path(snakemake.output.starts) / f"seed-{seed}" for seed in params.seeds},
        provenance=provenance,
    )
