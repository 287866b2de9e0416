"""Which seeds share jobs: the lists of the config, but for what stands on disk already.

What a seed gives does not depend on its block (but on a GPU for the last digits, where seeds train together). So a seed
more in a list, or one less, need not make the others again: the plan takes the blocks that have files.
"""

import re
from pathlib import Path
from typing import Any

from peftport.planning.keys import Keys
from peftport.study.grid import Study, block_name

NAME = re.compile(r"seeds-(\d+(?:\.\d+)*|\d+-\d+)")


def seeds_of(name: str) -> list[int]:
    """The seeds of a block by its name, the inverse of ``study.block_name``."""
    first, dash, last = name.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(seed) for seed in name.split(".")]


def arranged(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A checked config with its seeds in the blocks that a run makes and reads.

    A list without files becomes the blocks with files that it contains, and one of the rest. Or, where it is part of a
    block that is finished with these settings, that block; ``grid.unasked_seeds`` are those that the tables leave out.
    With ``target_mean``, which takes means over the seeds of a block, nothing is arranged.

    Args:
        folder: where the study runs; ``results/`` lies there.
    """
    grid = config["grid"]
    if "target_mean" in grid["initialisations"]:
        return config
    lists = list(Study(config).blocks.values())
    found = (folder / "results" / config["study"]).glob("evaluations/*/*/*/*/seeds-*")
    names = {match[1] for path in found if (match := NAME.fullmatch(path.name))}
    made = [seeds for name in names if block_name(seeds := seeds_of(name)) == name]
    made.sort(key=lambda seeds: (-len(seeds), seeds))
    blocks, unasked = [], []
    for wanted in lists:
        if wanted in made:
            blocks.append(wanted)
            continue
        others = {seed for one in lists if one is not wanted for seed in one}
        whole = next((one for one in made if _serves(one, wanted, others) and _finished(config, one, folder)), None)
        blocks += _parts(wanted, made) if whole is None else [whole]
        unasked += [seed for seed in whole or () if seed not in wanted]
    if blocks == lists:
        return config
    return config | {"grid": grid | {"seeds": blocks, "unasked_seeds": unasked}}


def _serves(block: list[int], wanted: list[int], others: set[int]) -> bool:
    return set(wanted) < set(block) and others.isdisjoint(block)


def _finished(config: dict[str, Any], block: list[int], folder: Path) -> bool:
    """Whether every evaluation of this block stands, made with these settings."""
    study = Study(config | {"grid": config["grid"] | {"seeds": [block]}})
    keys = Keys(study, folder)
    # the bare host's is of the first block alone, whichever that is
    cells = [cell for cell in study.cells if cell.initialisation != "bare"]
    return all(keys.made(cell).get("key") == keys.evaluation(cell) for cell in cells)


def _parts(wanted: list[int], made: list[list[int]]) -> list[list[int]]:
    """Blocks with files that lie in a list, and a block of its other seeds."""
    parts, rest = [], list(wanted)
    for block in made:
        if set(block) <= set(rest):
            parts.append(block)
            rest = [seed for seed in rest if seed not in block]
    return sorted(parts) + ([rest] if rest else [])
