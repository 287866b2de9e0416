"""Say what one host is: where it lies, its shape, its fingerprints."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.hosts.identify import identify_host
from peftport.hosts.locate import host_folder
from peftport.jobs.job import job
from peftport.storage.cards import write_card
from peftport.storage.parquet import read_provenance

with job(snakemake) as provenance:
    built, definition = snakemake.input.get("model"), snakemake.params.definition
    folder = host_folder(definition, Path(built[0]) if built else Path())
    written = read_provenance(snakemake.input.curve[0])["files"] if built else None
    facts = identify_host(snakemake.wildcards.host, definition, folder, written)
    write_card(snakemake.output.host, facts | provenance)
