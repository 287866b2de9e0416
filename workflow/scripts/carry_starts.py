"""Make what a block of modules in a target host starts from, carried along a map or placed in the host's own basis."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server(start=False)


from peftport.jobs.job import job
from peftport.maps.starts import carrying, placing
from peftport.porting.start import Beside, make_starts, sibling_folders
from peftport.storage.names import seed_folders

with job(snakemake) as provenance:
    params, inputs = snakemake.params, snakemake.input
    cards = {"source": inputs.source, "target": inputs.target}
    make_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders=seed_folders(inputs.modules, params.seeds),
        siblings=sibling_folders(inputs.siblings, params.siblings),
        cards=cards,
        outputs=seed_folders(snakemake.output.starts, params.seeds),
        provenance=provenance,
        beside=Beside(
            fit=placing(inputs.target, params.placed),
            carry=carrying(snakemake.wildcards.map, inputs.map, cards, params.method),
        ),
    )
