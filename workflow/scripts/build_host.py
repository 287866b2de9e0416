"""Build one small host."""

from peftport.warm import enter_warm_process

enter_warm_process()

from pathlib import Path

from peftport.checkpoints import Checkpoint
from peftport.files import file_digests, read_card
from peftport.hosts.build import FILES, build_host
from peftport.hosts.locate import known_folder
from peftport.jobs import job
from peftport.progress import Progress
from peftport.tables import write_table

with job(snakemake) as made, Checkpoint.of_job(snakemake.log[0], made["key"]) as checkpoint:
    recipe, base = snakemake.params.recipe, snakemake.input.base
    folder = Path(snakemake.output.curve).parent / "model"
    base = known_folder(read_card(base[0])) if base else None
    progress = Progress(snakemake.wildcards.host, snakemake.params.steps)
    curve = build_host(recipe, folder, base, snakemake.threads, progress, checkpoint)
    write_table(snakemake.output.curve, curve, "host_curve", made | {"files": file_digests(folder, FILES)})
