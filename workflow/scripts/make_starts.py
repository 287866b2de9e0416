"""Make what a block of modules in a target host starts from."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)


from peftport.jobs.job import job
from peftport.porting.start import make_starts, sibling_folders
from peftport.storage.names import seed_folders

with job(snakemake) as provenance:
    params, inputs = snakemake.params, snakemake.input
    make_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders=seed_folders(inputs.modules, params.seeds),
        siblings=sibling_folders(inputs.siblings, params.siblings),
        cards={"source": inputs.source, "target": inputs.target},
        outputs=seed_folders(snakemake.output.starts, params.seeds),
        provenance=provenance,
    )
