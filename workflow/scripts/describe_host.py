"""Write the card of one host."""

from pathlib import Path

from peftport.files import write_json
from peftport.hosts.card import describe_host
from peftport.hosts.locate import host_folder
from peftport.jobs import job

with job(snakemake) as made:
    built, definition = Path(snakemake.output.card).parent / "model", snakemake.params.definition
    folder = host_folder(definition, built)
    card = describe_host(snakemake.wildcards.host, definition, folder, snakemake.params.words)
    write_json(snakemake.output.card, card | made | {"host_key": snakemake.params.host_key})
