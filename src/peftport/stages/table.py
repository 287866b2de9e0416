"""The stages by the names of their rules, in the order of the workflow. Each has a script of the same name.

To add one: its file in this folder and its line here, a rule in ``workflow/rules``, its script in ``workflow/scripts``.
"""

from peftport.stages.admit_module import AdmitModule
from peftport.stages.ask_teacher import AskTeacher
from peftport.stages.audit_overlap import AuditOverlap
from peftport.stages.build_host import BuildHost
from peftport.stages.carry_starts import CarryStarts
from peftport.stages.check_transfer import CheckCarrying, CheckTransfer
from peftport.stages.compute_statistics import ComputeStatistics
from peftport.stages.convert_host import ConvertHost
from peftport.stages.decontaminate_dataset import DecontaminateDataset
from peftport.stages.describe_host import DescribeHost
from peftport.stages.describe_techniques import DescribeTechniques
from peftport.stages.distil_starts import DistilStarts
from peftport.stages.draw_figure import DrawFigure
from peftport.stages.encode_dataset import EncodeDataset
from peftport.stages.encode_labels import EncodeLabels
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.stages.extract_modules import ExtractModules
from peftport.stages.further_train_host import FurtherTrainHost
from peftport.stages.gather_distances import GatherDistances
from peftport.stages.gather_runs import GatherRuns
from peftport.stages.identify_host import IdentifyHost
from peftport.stages.initialise_scratch import InitialiseScratch
from peftport.stages.make_map import MakeMap
from peftport.stages.make_starts import MakeStarts
from peftport.stages.match_starts import MatchStarts
from peftport.stages.measure_costs import MeasureCosts
from peftport.stages.measure_distances import MeasureDistances
from peftport.stages.mix_prompts import MixPrompts
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.stages.randomise_labels import RandomiseLabels
from peftport.stages.rewrite_host import RewriteHost
from peftport.stages.stage import Stage
from peftport.stages.train_source import TrainSource
from peftport.stages.write_report import WriteReport

STAGES: dict[str, type[Stage]] = {
    "prepare_dataset": PrepareDataset,
    "audit_overlap": AuditOverlap,
    "decontaminate_dataset": DecontaminateDataset,
    "randomise_labels": RandomiseLabels,
    "build_host": BuildHost,
    "convert_host": ConvertHost,
    "further_train_host": FurtherTrainHost,
    "rewrite_host": RewriteHost,
    "identify_host": IdentifyHost,
    "encode_labels": EncodeLabels,
    "encode_dataset": EncodeDataset,
    "mix_prompts": MixPrompts,
    "describe_host": DescribeHost,
    "check_transfer": CheckTransfer,
    "check_carrying": CheckCarrying,
    "train_source": TrainSource,
    "extract_modules": ExtractModules,
    "admit_module": AdmitModule,
    "make_map": MakeMap,
    "make_starts": MakeStarts,
    "carry_starts": CarryStarts,
    "match_starts": MatchStarts,
    "initialise_scratch": InitialiseScratch,
    "ask_teacher": AskTeacher,
    "distil_starts": DistilStarts,
    "evaluate_cell": EvaluateCell,
    "gather_runs": GatherRuns,
    "compute_statistics": ComputeStatistics,
    "measure_distances": MeasureDistances,
    "gather_distances": GatherDistances,
    "measure_costs": MeasureCosts,
    "describe_techniques": DescribeTechniques,
    "draw_figure": DrawFigure,
    "write_report": WriteReport,
}
