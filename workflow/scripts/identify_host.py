"""Say what one host is: where it lies, its shape, its fingerprints."""

from peftport.warm import enter_warm_process

enter_warm_process()

from pathlib import Path

from peftport.files import write_card
from peftport.hosts.card import identify_host
from peftport.hosts.locate import host_folder
from peftport.jobs import job
from peftport.tables import read_made

with job(snakemake) as made:
    built, definition = Path(snakemake.output.host).parent / "model", snakemake.params.definition
    curve = snakemake.input.get("curve")
    written = read_made(curve[0])["files"] if curve else None
    facts = identify_host(snakemake.wildcards.host, definition, host_folder(definition, built), written)
    write_card(snakemake.output.host, facts | made | {"host_key": snakemake.params.host_key})
