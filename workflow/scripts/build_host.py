"""Build one small host."""

from pathlib import Path

from peftport.hosts.build import build_host
from peftport.jobs import job
from peftport.progress import Progress
from peftport.tables import write_table

with job(snakemake) as made:
    base = Path(snakemake.input.base[1]).parent if len(snakemake.input.base) > 1 else None
    folder, recipe = Path(snakemake.output[0]).parent, snakemake.params.recipe
    curve = build_host(recipe, folder, base, snakemake.threads, Progress(snakemake.wildcards.host, recipe["steps"]))
    write_table(snakemake.output.curve, curve, "host_curve", made)
