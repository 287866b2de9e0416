"""Names that stand in files of several rooms."""

from collections.abc import Iterable
from pathlib import Path

COPY = "copy"  # as a map: modules go as they are, and no map carries them


def seed_folder(folder: str | Path, seed: int) -> Path:
    """The folder of one seed's module in that of a block of seeds."""
    return Path(folder) / f"seed-{seed}"


def seed_folders(folder: str | Path, seeds: Iterable[int]) -> dict[int, Path]:
    """The folders of several seeds' modules in that of their block, by seed."""
    return {seed: seed_folder(folder, seed) for seed in seeds}
