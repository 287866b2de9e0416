"""The entries of a grid: source modules, starts and cells, and what names of initialisations mean for them."""

from dataclasses import dataclass

from peftport.storage.names import COPY

ANY = "any"
NONE = "none"
PORTED = "ported"
SHARED = "scratch"
TEACHER = "teacher"
REFERENCES = ("bare", "native", TEACHER)
FITTED = ("matched",)  # their starts depend on texts of the target dataset
HEADED = ("ported_fresh_head", "sampled_fresh_head", "head_only")  # they are about a classification head
PARTED = ("ported_inner_part", "ported_outer_part")  # they are about a module of two techniques
RELABELLED = ("random_target",)  # their source modules are trained on shuffled labels
TAUGHT = ("distilled",)  # their starts are trained in the target host, by the answers of a teacher
MAPPED = ("wrong_layers", "shuffled_map")  # they are about a map, so there are none where modules are copied
PLACED = ("random_basis",)  # their starts depend on the target host's weights
SCALED = ("ported_quarter", "ported_half", "ported_double")  # the ported module in other sizes


@dataclass(frozen=True, order=True)
class Source:
    """The modules of one technique, trained in one host on one dataset, for one block of seeds: one training job."""

    technique: str
    host: str
    dataset: str
    block: str


@dataclass(frozen=True, order=True)
class _Moved:
    """What is moved, from where to where, and how."""

    technique: str
    source_host: str
    target_host: str
    source_dataset: str
    target_dataset: str
    initialisation: str
    block: str
    map: str = COPY


@dataclass(frozen=True, order=True)
class Cell(_Moved):
    """All budgets and one block of seeds of a technique, transfer, dataset pair and initialisation: one job.

    What does not depend on the source host does not depend on how a module is carried either: both are `any`.
    """

    @property
    def is_reference(self) -> bool:
        """Whether this cell is a reference, which scores are read against, and not a run."""
        return self.initialisation in REFERENCES


@dataclass(frozen=True, order=True)
class Start(_Moved):
    """What one block of modules in a target host starts from.

    Its source dataset is the one whose texts the source module was trained on: a derived one where the study
    decontaminates. Its target dataset is `any` but for initialisations that are fitted to the texts of one, or
    trained on them.
    """


def shared(technique: str, host: str, dataset: str, kind: str, block: str) -> Cell:
    """A cell that does not depend on where modules come from: a reference, or `scratch`."""
    return Cell(technique, ANY, host, ANY, dataset, kind, block, ANY)


def block_name(seeds: list[int]) -> str:
    """``0-4`` for consecutive seeds, ``7`` for one, ``0.2.5`` for others."""
    if len(seeds) > 1 and seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]}-{seeds[-1]}"
    return ".".join(str(seed) for seed in seeds)
