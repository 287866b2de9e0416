"""Say what one host is: where it lies, its shape, its fingerprints."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.hosts.identify import identify_host
from peftport.hosts.locate import host_folder
from peftport.hosts.settings import HostSettings
from peftport.jobs.job import job
from peftport.storage.cards import write_card
from peftport.storage.hub_refusal import named
from peftport.storage.parquet import read_provenance

with job(snakemake) as provenance, named(f"hosts.{snakemake.wildcards.host}.hub"):
    built, host = snakemake.input.get("model"), HostSettings.model_validate(snakemake.params.definition)
    folder = host_folder(host, Path(built[0]) if built else Path())
    written = read_provenance(snakemake.input.curve[0])["files"] if built else None
    facts = identify_host(snakemake.wildcards.host, host, folder, written)
    write_card(snakemake.output.host, facts | provenance)
