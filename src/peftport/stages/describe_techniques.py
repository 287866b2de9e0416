"""Typology, costs, portability, stability and convergence of every technique."""

from dataclasses import dataclass

from peftport.stages.compute_statistics import table
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.measure_costs import MeasureCosts
from peftport.stages.sections import methods
from peftport.stages.stage import Needs, Stage
from peftport.stages.train_source import TrainSource
from peftport.storage.provenance import JsonObject
from peftport.study.entries import Source
from peftport.study.study import Study


@dataclass(frozen=True)
class DescribeTechniques(Stage):
    """The table of techniques."""

    FOLDER = "tables"
    FILES = {"table": "techniques.parquet"}

    def needs(self, study: Study) -> Needs:
        trainings = [
            TrainSource(**vars(training)) if isinstance(training, Source) else EvaluateCell(**vars(training))
            for training in study.fresh
        ]
        return {
            "costs": [MeasureCosts(host).output("table") for host in study.targets],
            "runs": table("runs"),
            "portability": table("portability"),
            "curves": [training.output("curve") for training in trainings],
        }

    def settings(self, study: Study) -> JsonObject:
        return {
            "study": study.name,
            "grid": study.grid.as_json(),
            "hybrids": study.hybrids,
            "decontaminate": study.decontaminate,  # which trainings there are, and in which order
            "methods": methods(study, study.techniques),
        } | ({"mixtures": {name: list(study.parts(name)) for name in study.mixtures}} if study.mixtures else {})
