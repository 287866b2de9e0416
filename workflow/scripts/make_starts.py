"""Make what a block of modules in a target host starts from."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.jobs.job import job
from peftport.porting.start import make_starts

with job(snakemake) as provenance:
    make_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders={int(seed): Path(folder) for seed, folder in snakemake.params.sources.items()},
        siblings={int(seed): folders for seed, folders in snakemake.params.siblings.items()},
        cards={"source": snakemake.input.source, "target": snakemake.input.target},
        outputs={seed: Path(snakemake.output[3 * place]).parent for place, seed in enumerate(snakemake.params.seeds)},
        provenance=provenance,
    )
