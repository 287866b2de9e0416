"""Stages that make one module directory for each seed of a block."""

from dataclasses import dataclass

from peftport.stages.stage import Stage
from peftport.study.study import Study


@dataclass(frozen=True)
class ModuleFolders(Stage):
    """A stage with the wildcard ``block``; its folder holds ``seed-<n>`` for each seed, and the cards hold the key."""

    def with_key(self, name: str, study: Study) -> list[str]:
        return [f"{self.path(name)}/seed-{seed}/card.json" for seed in study.seeds_of(self.block)]
