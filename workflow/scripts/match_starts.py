"""Make what a block of modules in a target host starts from, where it is fitted to texts in that host."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()


from peftport.compute.computed_by import computed_by
from peftport.compute.device import CPU, take_threads
from peftport.jobs.job import job
from peftport.maps.starts import carrying
from peftport.matching.starts import Fitting
from peftport.porting.start import Beside, make_starts
from peftport.storage.names import seed_folders

with job(snakemake) as provenance:
    take_threads(snakemake.threads)
    params, inputs = snakemake.params, snakemake.input
    cards = {"source": inputs.source, "target": inputs.target}
    make_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders=seed_folders(inputs.modules, params.seeds),
        siblings={},
        cards=cards,
        outputs=seed_folders(snakemake.output.starts, params.seeds),
        provenance=provenance | {"computed_by": computed_by("float32", CPU)},
        beside=Beside(
            fit=Fitting(inputs.target, inputs.prompts, params.task),
            carry=carrying(snakemake.wildcards.map, inputs.map, cards, params.method),
        ),
    )
