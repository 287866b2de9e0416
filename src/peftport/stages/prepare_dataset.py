"""Examples of one dataset of the config, cleaned and split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peftport.data.sources.table import SOURCES
from peftport.stages.sections import prepared_by
from peftport.stages.stage import Stage
from peftport.study.grid import Study


@dataclass(frozen=True)
class PrepareDataset(Stage):
    """The splits of a dataset."""

    dataset: str

    FOLDER = "datasets/{dataset}"
    FILES = {"train": "train.parquet", "validation": "validation.parquet", "test": "test.parquet"}
    CONSTRAINTS = {"dataset": r"[^/@]+?"}

    def settings(self, study: Study) -> dict[str, Any]:
        return {"definition": prepared_by(study, self.dataset)}

    def code(self, study: Study) -> Sequence[str]:
        source = study.config["datasets"][self.dataset]["source"]
        return [SOURCES[kind] for kind in SOURCES if kind in source]

    def files(self, study: Study) -> Sequence[Path]:
        source = study.config["datasets"][self.dataset]["source"]
        return [Path(file["path"]) for file in source.get("files", [])]
