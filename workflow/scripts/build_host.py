"""Build one small host."""

from peftport.warm import enter_warm_process

enter_warm_process()

from pathlib import Path

from peftport.files import read_json
from peftport.hosts.build import build_host
from peftport.jobs import job
from peftport.progress import Progress
from peftport.tables import write_table

with job(snakemake) as made:
    recipe, base = snakemake.params.recipe, snakemake.input.base
    folder = Path(snakemake.output.curve).parent / "model"
    base = Path(read_json(base[0])["folder"]) if base else None
    progress = Progress(snakemake.wildcards.host, snakemake.params.steps)
    curve = build_host(recipe, folder, base, snakemake.threads, progress)
    write_table(snakemake.output.curve, curve, "host_curve", made)
