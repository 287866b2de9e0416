"""Draw the prompts of one split of a mixture from those of its members, as one host reads them."""

from peftport.jobs.fork_client import run_in_fork_server

run_in_fork_server()

from peftport.hosts.load import load_tokenizer
from peftport.hosts.locate import known_folder
from peftport.jobs.job import job
from peftport.prompting.mixture import mixed, read_member
from peftport.storage.cards import read_card
from peftport.storage.parquet import read_provenance, write_table

with job(snakemake) as provenance:
    card, params, files = read_card(snakemake.input.host), snakemake.params, snakemake.input.members
    tokenizer = load_tokenizer(known_folder(card))
    tasks = zip(params.tasks.items(), files, strict=True)
    members = {name: read_member(file, task, tokenizer, card) for (name, task), file in tasks}
    prompts, given = mixed(members, params.weights, params.examples, params.seed, snakemake.wildcards.split)
    print(", ".join(f"{name}: {number:,} examples" for name, number in given.items()), flush=True)
    longest = max(read_provenance(file)["facts"]["longest_allowed"] for file in files)
    facts = prompts.lengths(longest) | {"drawn": given}
    write_table(snakemake.output.prompts, prompts.table(), "prompts", provenance | {"facts": facts})
