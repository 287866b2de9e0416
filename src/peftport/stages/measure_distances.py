"""How far the hosts of a transfer are apart, and how much of that lies where modules read and write."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.maps.table import READING
from peftport.stages.extract_modules import modules_of
from peftport.stages.identify_host import IdentifyHost
from peftport.stages.made_hosts import made_model
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.stages.sections import host_code
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.entries import Source
from peftport.study.study import Study


@dataclass(frozen=True)
class MeasureDistances(Stage):
    """The distances of one source and target host; one job for all techniques, however modules are carried."""

    source_host: str
    target_host: str

    FOLDER = "distances/{source_host}--{target_host}"
    FILES = {"table": "distances.parquet"}

    def needs(self, study: Study) -> Needs:
        return {
            "source": IdentifyHost(self.source_host).output("host"),
            "target": IdentifyHost(self.target_host).output("host"),
            "models": [*made_model(study, self.source_host), *made_model(study, self.target_host)],
            "texts": [PrepareDataset(name).output("train") for name in self._texts(study)],
            "modules": [modules_of(study, source) for source in self._sources(study)],
        }

    def settings(self, study: Study) -> JsonObject:
        named = [
            {"technique": source.technique, "dataset": source.dataset, "seeds": study.seeds_of(source.block)}
            for source in self._sources(study)
        ]
        return {"study": study.name, "texts": self._texts(study), "modules": named}

    def code(self, study: Study) -> Sequence[str]:
        hosts = {*host_code(study, self.source_host), *host_code(study, self.target_host)}
        return [*sorted(hosts), *READING.values()]

    def _texts(self, study: Study) -> list[str]:
        """The datasets that modules are tested on."""
        return list(dict.fromkeys(pair.target for pair in study.grid.dataset_pairs))

    def _sources(self, study: Study) -> list[Source]:
        """The modules that are copied from the source host, each block once."""
        starts = [start for start in study.starts if start.source_host == self.source_host]
        sources = (study.source_of(start) for start in starts if start.initialisation == "ported")
        return list(dict.fromkeys(sources))


def measured(study: Study) -> list[MeasureDistances]:
    """The distances of every pair of hosts between which modules move; none where the config says so."""
    pairs = ((transfer.source, transfer.target) for transfer in study.moving_transfers if study.config.distances)
    return [MeasureDistances(*pair) for pair in dict.fromkeys(pairs)]
