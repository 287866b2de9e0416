"""One page: the question, the answer, the figures, how it was made."""

from collections.abc import Sequence
from dataclasses import dataclass

from peftport.figures.table import FIGURES_ADDED
from peftport.maps.table import MAPS
from peftport.porting.table import INITIALISATIONS
from peftport.stages.audit_overlap import AuditOverlap
from peftport.stages.datasets import dataset_stage
from peftport.stages.describe_host import DescribeHost
from peftport.stages.draw_figure import DrawFigure
from peftport.stages.encode_dataset import EncodeDataset
from peftport.stages.make_map import maps
from peftport.stages.mix_prompts import training_prompts
from peftport.stages.report_tables import figures, report_table, reported
from peftport.stages.stage import Needs, Output, Stage
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study


@dataclass(frozen=True)
class WriteReport(Stage):
    """The report, the first sentence of its verdict, a card with their digests; it needs all that a study asks for."""

    FOLDER = ""
    FILES = {"page": "report.html", "verdict": "verdict.txt", "card": "report.json"}
    WITHOUT_KEY = frozenset({"page", "verdict"})

    @classmethod
    def asked(cls, study: Study) -> Sequence[Stage]:
        return [cls()]

    def needs(self, study: Study) -> Needs:
        return {
            "tables": [report_table(name) for name in reported(study)],
            "overlap": AuditOverlap().output("table"),
            "figures": [DrawFigure(figure).output("figure") for figure in figures(study)],
            "figure_cards": [DrawFigure(figure).output("card") for figure in figures(study)],
            "cards": [DescribeHost(host).output("card") for host in study.hosts],
            "prompts": prompts_read(study),
            "maps": maps(study),
            "datasets": [dataset_stage(name).output("train") for name in (*study.datasets, *study.derived)],
        }

    def settings(self, study: Study) -> JsonObject:
        return {"config": study.used().as_json()}

    def code(self, study: Study) -> Sequence[str]:
        methods = [study.config.maps[transfer.map].method for transfer in study.mapped_transfers]
        rules = [INITIALISATIONS[name] for name in study.grid.initialisations]
        return [*rules, *dict.fromkeys(MAPS[name] for name in methods), *FIGURES_ADDED.values()]  # their words


def prompts_read(study: Study) -> list[Output]:
    """The prompts that the study's trainings and tests read."""
    places = dict.fromkeys((source.host, source.dataset) for source in study.trained)
    sources = [file for host, dataset in places for file in training_prompts(study, host, dataset).values()]
    mixed = [(host, part) for host, dataset in places for part in study.parts(dataset).values()]
    sources += [file for host, part in mixed for file in training_prompts(study, host, part).values()]
    cells = [
        (cell.target_host, cell.target_dataset, split)
        for cell in study.cells
        for split in ("train", "validation", "test")
    ]
    probes = [(cell.target_host, cell.target_dataset, "test") for cell in study.probed]
    others = [EncodeDataset(*names).output("prompts") for names in (*cells, *probes)]
    return list(dict.fromkeys([*sources, *others]))
