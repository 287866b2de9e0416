"""Check that modules can be copied in every transfer of the grid."""

from peftport.files import read_json, write_json
from peftport.jobs import job
from peftport.porting.transfers import check_transfers

with job(snakemake) as made:
    cards = {card["host"]: card for card in map(read_json, snakemake.input.cards)}
    transfers = check_transfers(snakemake.params.transfers, cards)
    write_json(snakemake.output.transfers, {"transfers": transfers, **made})
