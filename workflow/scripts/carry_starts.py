"""Make what a block of modules in a target host starts from, carried along a map or placed in the host's own basis."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)

from pathlib import Path

from peftport.jobs.job import job
from peftport.maps.starts import carrying, placing
from peftport.porting.start import Beside, make_starts

with job(snakemake) as provenance:
    params, inputs = snakemake.params, snakemake.input
    siblings, cards = [Path(folder) for folder in inputs.siblings], {"source": inputs.source, "target": inputs.target}
    make_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders={seed: Path(inputs.modules) / f"seed-{seed}" for seed in params.seeds},
        siblings={
            int(seed): [siblings[place] / f"seed-{other}" for place, other in others]
            for seed, others in params.siblings.items()
        },
        cards=cards,
        outputs={seed: Path(snakemake.output.starts) / f"seed-{seed}" for seed in params.seeds},
        provenance=provenance,
        beside=Beside(
            fit=placing(inputs.target, params.placed),
            carry=carrying(snakemake.wildcards.map, inputs.map, cards, params.method),
        ),
    )
