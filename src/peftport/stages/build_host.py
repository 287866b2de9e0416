"""A small host, pretrained or trained further from another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peftport.stages.sections import host_code, recipe_code
from peftport.stages.stage import Needs, Output, Stage
from peftport.study.grid import Study
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

        base = study.config["hosts"][self.host]["build"].get("base")
        if base is None:
            return {"base": [], "base_model": []}
        return {"base": [IdentifyHost(base).output("host")], "base_model": built_model(study, base)}

    def settings(self, study: Study) -> dict[str, Any]:
        return {"recipe": study.config["hosts"][self.host]["build"], "steps": build_steps(study, self.host)}

    def code(self, study: Study) -> Sequence[str]:
        return [*host_code(study, self.host), *recipe_code(study, self.host)]

    def files(self, study: Study) -> Sequence[Path]:
        recipe = study.config["hosts"][self.host]["build"]
        return [Path(file) for part in ("corpus", "instructions") for file in recipe.get(part, {}).get("files", [])]


def built_model(study: Study, host: str) -> list[Output]:
    """The files of a host that the study builds; none of a host from elsewhere."""
    return [BuildHost(host).output("model")] if "build" in study.config["hosts"][host] else []
