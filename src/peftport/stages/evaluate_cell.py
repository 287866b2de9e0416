"""A cell: test zero-shot, train in the target host, test at every budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peftport.stages.carry_starts import CarryStarts
from peftport.stages.distil_starts import DistilStarts
from peftport.stages.encode_dataset import prompts
from peftport.stages.extract_modules import modules_of
from peftport.stages.identify_host import host_inputs
from peftport.stages.initialise_scratch import InitialiseScratch
from peftport.stages.make_starts import MakeStarts
from peftport.stages.match_starts import MatchStarts
from peftport.stages.sections import (
    answer_code,
    carried_code,
    host_code,
    kind_code,
    scored_task,
    task_files,
    technique,
    tested_by,
    trained_by,
)
from peftport.stages.stage import Needs, Output, Stage
from peftport.storage.names import COPY
from peftport.storage.provenance import JsonObject
from peftport.study.entries import FITTED, PLACED, SHARED, TAUGHT, TEACHER, Cell
from peftport.study.study import Study
from peftport.tasks.table import SCORES


@dataclass(frozen=True)
class EvaluateCell(Stage, Cell):
    """The scores of a cell, and of a reference: a host alone, or its own modules, which are tested and not trained."""

    FOLDER = (
        "evaluations/{technique}/{source_host}--{target_host}/{map}/{source_dataset}--{target_dataset}/"
        "{initialisation}/seeds-{block}"
    )
    FILES = {"scores": "scores.parquet", "predictions": "predictions.parquet", "curve": "training.parquet"}

    @classmethod
    def asked(cls, study: Study) -> Sequence[Stage]:
        return [cls(**vars(cell)) for cell in study.probed]

    def needs(self, study: Study) -> Needs:
        return {
            **host_inputs(study, self.target_host),
            **prompts(self.target_host, study.taught(self), "train", "validation"),
            **prompts(self.target_host, self.target_dataset, "test"),
            "starts": starts_of(study, self),
        }

    def settings(self, study: Study) -> JsonObject:
        section, taught = tested_by if self.is_reference else trained_by, study.taught(self)
        return {
            "seeds": study.seeds_of(self.block),
            "budgets": [0] if self.is_reference else study.budgets,
            "technique": {} if self.is_reference else technique(study, self.technique),
            "training": section(study, self.target_host),
            "evaluation": study.config.evaluation.as_json(),
            "task": scored_task(study, self.target_dataset),
            "taught": {} if taught == self.target_dataset else scored_task(study, taught),
        }

    def code(self, study: Study) -> Sequence[str]:
        method = [] if self.initialisation == "bare" else carried_code(study, self.technique, self.map)
        kinds = {name: None for dataset in self._datasets(study) for name in kind_code(study, dataset, SCORES)}
        return [*method, *kinds, *host_code(study, self.target_host), *answer_code(study, self.target_host)]

    def files(self, study: Study) -> Sequence[Path]:
        return [file for dataset in self._datasets(study) for file in task_files(study, dataset)]

    def _datasets(self, study: Study) -> list[str]:
        """The dataset that is tested on, and the one that is trained on where that is another."""
        return list(dict.fromkeys([self.target_dataset, study.taught(self)]))


def starts_of(study: Study, cell: Cell) -> list[Output]:
    """The folder of the modules that a cell starts from; none for the bare host."""
    if cell.initialisation == "bare":
        return []
    if cell.initialisation in ("native", TEACHER):
        return [modules_of(study, source) for source in study.sources_of(cell)]
    if cell.initialisation == SHARED:
        return [InitialiseScratch(cell.technique, cell.target_host, cell.block).output("starts")]
    start = study.start_of(cell)
    names = vars(start).copy()
    if cell.initialisation in FITTED:
        return [MatchStarts(**names).output("starts")]
    if cell.initialisation in TAUGHT:
        return [DistilStarts(**names).output("starts")]
    del names["target_dataset"]
    if start.map != COPY or start.initialisation in PLACED:
        return [CarryStarts(**names).output("starts")]
    del names["map"]
    return [MakeStarts(**names).output("starts")]


def evaluations(study: Study, name: str) -> list[Output]:
    """One file of every cell of the study, in the order of the cells."""
    return [EvaluateCell(**vars(cell)).output(name) for cell in study.cells]
