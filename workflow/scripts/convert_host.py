"""Convert one host's files to safetensors."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.host_building.convert import convert_host
from peftport.hosts.settings import HostSettings
from peftport.jobs.job import job
from peftport.storage.cards import write_card
from peftport.storage.hub_refusal import named

with job(snakemake) as provenance, named(f"hosts.{snakemake.wildcards.host}.hub"):
    host = HostSettings.model_validate(snakemake.params.definition)
    facts = convert_host(host, Path(snakemake.output.model))
    write_card(snakemake.output.conversion, facts | provenance)
