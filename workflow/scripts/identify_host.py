"""Say what one host is: where it lies, its shape, its fingerprints."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from pathlib import Path

from peftport.hosts.identify import identify_host
from peftport.hosts.locate import host_folder
from peftport.hosts.settings import HostSettings
from peftport.jobs.inputs import provenance_of
from peftport.jobs.job import job
from peftport.storage.cards import write_card
from peftport.storage.hub_refusal import named

MADE = ("files", "converted", "further", "rewritten")  # what is noted of a host that the study makes

with job(snakemake) as provenance, named(f"hosts.{snakemake.wildcards.host}.hub"):
    built, host = snakemake.input.get("model"), HostSettings.model_validate(snakemake.params.definition)
    folder = host_folder(host, Path(built[0]) if built else Path())
    note = provenance_of(Path(snakemake.input.note[0])) if built else {}
    facts = identify_host(snakemake.wildcards.host, host, folder, *(note.get(said) for said in MADE))
    write_card(snakemake.output.host, facts | provenance)
