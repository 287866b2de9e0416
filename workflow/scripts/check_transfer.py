"""Check that modules can be copied from one host to another."""

from peftport.files import read_card, write_card
from peftport.jobs import job
from peftport.porting.compatibility import notes, refuse_unless_compatible

with job(snakemake) as made:
    source, target = read_card(snakemake.input.source), read_card(snakemake.input.target)
    refuse_unless_compatible(source, target)
    write_card(snakemake.output.transfer, {"notes": notes(source, target), **made})
