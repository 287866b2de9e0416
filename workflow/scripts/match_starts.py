"""Make what a block of modules in a target host starts from, where it is fitted to texts in that host."""

from peftport.warm import enter_warm_process

enter_warm_process()

from pathlib import Path

from peftport.jobs import job
from peftport.matching.starts import match_starts

with job(snakemake) as made:
    match_starts(
        initialisation=snakemake.wildcards.initialisation,
        folders={int(seed): Path(folder) for seed, folder in snakemake.params.sources.items()},
        cards={"source": snakemake.input.source, "target": snakemake.input.target},
        data={"prompts": snakemake.input.prompts} | {name: snakemake.params[name] for name in ("task", "max_tokens")},
        outputs={seed: Path(snakemake.output[3 * place]).parent for place, seed in enumerate(snakemake.params.seeds)},
        made=made,
    )
