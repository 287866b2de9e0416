"""Examples of one dataset of the config, cleaned and split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.data.sources.table import SOURCES
from peftport.stages.sections import kind_code, prepared_by, task_files
from peftport.stages.stage import Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study
from peftport.tasks.table import ROWS


@dataclass(frozen=True)
class PrepareDataset(Stage):
    """The splits of a dataset."""

    dataset: str

    FOLDER = "datasets/{dataset}"
    FILES = {"train": "train.parquet", "validation": "validation.parquet", "test": "test.parquet"}
    CONSTRAINTS = {"dataset": r"[^/@]+?"}

    def settings(self, study: Study) -> JsonObject:
        return {"definition": prepared_by(study, self.dataset)}

    def code(self, study: Study) -> Sequence[str]:
        source = study.config.datasets[self.dataset].source.kind
        return [SOURCES[source], *kind_code(study, self.dataset, ROWS)]

    def files(self, study: Study) -> Sequence[Path]:
        files = [Path(file.path) for file in study.config.datasets[self.dataset].source.files or []]
        return [*files, *task_files(study, self.dataset)]
