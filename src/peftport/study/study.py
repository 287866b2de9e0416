"""A study: its settings, and the entries of its grid."""

from functools import cached_property
from pathlib import Path

from peftport.hosts.families.table import family
from peftport.hosts.recipe_settings import FurtherHostSettings, base_of
from peftport.prompting.lm_types.table import CLASSIFIER
from peftport.settings import Precision
from peftport.study.entries import TAUGHT
from peftport.study.grid import Grid
from peftport.study.settings import StudySettings


class Study(Grid):
    """The settings of a study, and the entries of its grid in a fixed order.

    Args:
        config: the settings.
        folder: where relative paths in the config start.
    """

    def __init__(self, config: StudySettings, folder: Path = Path()) -> None:
        hybrids = [name for name in config.grid.techniques if config.techniques[name].method == "hybrid"]
        mixed = {name: list(own.mixture) for name, own in config.datasets.items() if own.mixture is not None}
        super().__init__(config.study, config.grid, config.decontaminate, hybrids, mixed)
        self.config, self.folder = config, folder

    @cached_property
    def grid_hosts(self) -> list[str]:
        """Hosts that the grid uses."""
        ends = (host for pair in self.grid.transfers for host in (pair.source, pair.target))
        return list(dict.fromkeys(ends))

    @cached_property
    def hosts(self) -> list[str]:
        """Hosts that the grid uses, then the hosts that those are built from."""
        used = dict.fromkeys(self.grid_hosts)
        for host in self.grid_hosts:
            while (base := base_of(self.config.hosts[host].build)) is not None:
                host = base
                used[host] = None
        return list(used)

    @cached_property
    def corpora(self) -> list[str]:
        """Datasets whose texts hosts of the grid are trained further on."""
        recipes = [self.config.hosts[host].build for host in self.hosts]
        named = [recipe.corpus.dataset for recipe in recipes if isinstance(recipe, FurtherHostSettings)]
        return [name for name in dict.fromkeys(named) if name is not None]

    @cached_property
    def mapped_texts(self) -> list[str]:
        """Datasets whose texts maps of the grid are estimated from."""
        named = [self.config.maps[transfer.map].texts for transfer in self.mapped_transfers]
        return [name for name in dict.fromkeys(named) if name is not None]

    @cached_property
    def read_datasets(self) -> list[str]:
        """Datasets of the config whose texts anything reads: the grid, a host's further training, a map."""
        return list(dict.fromkeys([*self.datasets, *self.corpora, *self.mapped_texts]))

    def lm_type(self, host: str, model_type: str) -> str:
        """How a host of this ``model_type`` is asked: as its family is, or by its classification head."""
        return CLASSIFIER if self.config.hosts[host].classifies else family(model_type).lm_type

    def precision(self, host: str) -> Precision:
        """The numbers of a host's weights: its own, or where it says none those of the study's hosts."""
        return self.config.hosts[host].precision or self.config.training.host_precision

    def precision_key(self, host: str) -> str:
        """The config key that says the precision of a host."""
        return "training.host_precision" if self.config.hosts[host].precision is None else f"hosts.{host}.precision"

    def used(self) -> StudySettings:
        """The settings without definitions that the grid does not pick, so that editing those moves nothing."""
        config = self.config
        return config.model_copy(
            update={
                "hosts": {name: config.hosts[name] for name in self.hosts},
                "datasets": {name: config.datasets[name] for name in (*self.read_datasets, *self.mixtures)},
                "modules": {name: config.modules[name] for name in self.grid.modules},
                "techniques": {name: config.techniques[name] for name in self.techniques},
                "distil": None if set(config.grid.initialisations).isdisjoint(TAUGHT) else config.distil,
            }
        )
