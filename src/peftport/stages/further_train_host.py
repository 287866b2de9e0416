"""A further-trained version of a host, wherever that comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.host_building.objectives.table import OBJECTIVES
from peftport.hosts.corpus_files import corpus_files
from peftport.hosts.families.table import family
from peftport.hosts.recipe_settings import FurtherHostSettings
from peftport.prompting.lm_types.table import LM_TYPES
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.stages.sections import host_code, model_types
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class FurtherTrainHost(Stage):
    """A host of the study, trained further on a corpus."""

    host: str

    FOLDER = "hosts/{host}"
    FILES = {"note": "further_training.json", "curve": "further_training.parquet"}
    FOLDERS = {"model": "further"}
    WITHOUT_KEY = frozenset({"model"})

    def needs(self, study: Study) -> Needs:
        from peftport.stages.identify_host import IdentifyHost  # which needs made hosts itself
        from peftport.stages.made_hosts import made_model

        recipe = self._recipe(study)
        named = recipe.corpus.dataset
        splits = [PrepareDataset(named).output(split) for split in ("train", "validation")] if named else []
        return {
            "base": IdentifyHost(recipe.base).output("host"),
            "base_model": made_model(study, recipe.base),
            "dataset": splits,
        }

    def settings(self, study: Study) -> JsonObject:
        return {"recipe": self._recipe(study).as_json()}

    def code(self, study: Study) -> Sequence[str]:
        kinds = {family(name).lm_type for name in model_types(study, self.host)}
        reached = {*(OBJECTIVES[kind] for kind in kinds), *(LM_TYPES[kind] for kind in kinds)}
        return sorted({*host_code(study, self.host), *reached})

    def files(self, study: Study) -> Sequence[Path]:
        return corpus_files(self._recipe(study).corpus, study.folder)

    def _recipe(self, study: Study) -> FurtherHostSettings:
        return study.config.hosts[self.host].build
