"""A small host, pretrained or trained further from another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.hosts.recipe_settings import InstructionHostSettings
from peftport.stages.sections import host_code, recipe_code
from peftport.stages.stage import Needs, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study
from peftport.study.training_steps import build_steps


@dataclass(frozen=True)
class BuildHost(Stage):
    """A host that the study builds."""

    host: str

    FOLDER = "hosts/{host}"
    FILES = {"curve": "training.parquet"}
    FOLDERS = {"model": "model"}
    WITHOUT_KEY = frozenset({"model"})

    def needs(self, study: Study) -> Needs:
        from peftport.stages.identify_host import IdentifyHost  # which needs built hosts itself
        from peftport.stages.made_hosts import made_model

        recipe = study.config.hosts[self.host].build
        if not isinstance(recipe, InstructionHostSettings):
            return {"base": [], "base_model": []}
        return {"base": [IdentifyHost(recipe.base).output("host")], "base_model": made_model(study, recipe.base)}

    def settings(self, study: Study) -> JsonObject:
        return {"recipe": study.config.hosts[self.host].build.as_json(), "steps": build_steps(study, self.host)}

    def code(self, study: Study) -> Sequence[str]:
        return [*host_code(study, self.host), *recipe_code(study, self.host)]

    def files(self, study: Study) -> Sequence[Path]:
        recipe = study.config.hosts[self.host].build
        texts = recipe.instructions if isinstance(recipe, InstructionHostSettings) else recipe.corpus
        return [Path(file) for file in texts.files or []]
