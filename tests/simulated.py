"""Tables of a simulated study whose true accuracies are known.

A test example has a difficulty that all seeds share, and a seed shifts the accuracy of all its examples: the two
sources of variation that the statistics must tell apart. Given accuracies are on the scale of shares of right answers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from benchmarks.simulated_answers import answers_of
from peftport.seeds import generator
from peftport.settings import StatisticsSettings
from peftport.statistics.table import STATISTICS, compute, settings_of
from peftport.statistics.techniques import techniques
from peftport.storage.tables import CELL, SCORES, TABLES
from peftport.storage.technique_columns import REAL

Accuracy = Callable[[str, str, str, str, int], float]
INITIALISATIONS = ("ported", "sampled", "scratch")
WORDS = ("negative", "positive")
RIGHT = 0.9  # probability of the right word where the answer is right; of the wrong one where it is wrong
SCORED = ("accuracy", "score", "calibrated_accuracy", "macro_f1", "choice_log_likelihood", "loss", "test_examples")
UNMAPPED = (("map", "copy"), ("map", "any"))
COMPUTED_BY = {"device": "cpu", "dtype": "float32", "kernels": "AVX2", "threads": 1}
MARGIN = 0.02


@dataclass(frozen=True)
class Design:
    """The grid of a simulated study, and how much seeds and examples vary."""

    techniques: tuple[str, ...] = ("adapters", "lora")
    transfers: tuple[tuple[str, ...], ...] = (("raw", "instruct"), ("instruct", "raw"))  # a third is a map
    pairs: tuple[tuple[str, str], ...] = (("reviews", "reviews"),)
    initialisations: tuple[str, ...] = INITIALISATIONS
    budgets: tuple[int, ...] = (0, 50, 200)
    seeds: tuple[int, ...] = (0, 1, 2)
    examples: int = 200
    seed_deviation: float = 0.02
    references: tuple[str, ...] = ("bare", "native")
    bare: float = 0.5
    native: float = 0.9
    accuracy: Accuracy = field(default=lambda technique, source, target, start, budget: _typical(start, budget))


def _typical(start: str, budget: int) -> float:
    """Ported starts high, the others at chance; all end near 0.9."""
    floor = {"ported": 0.75}.get(start, 0.5)
    return floor + (0.9 - floor) * budget / (budget + 50)


@dataclass(frozen=True)
class Study:
    """The three frames from which the statistics begin."""

    runs: pd.DataFrame
    references: pd.DataFrame
    predictions: pd.DataFrame


def failing(made: Study, **places: object) -> Study:
    """The study with failed runs: those in which every column named is one of the values named, from step 7 on."""
    frames = []
    for frame in (made.runs, made.references, made.predictions):
        failed = np.logical_and.reduce([frame[column].isin(values) for column, values in places.items()])
        if frame is made.predictions:
            frames.append(frame[~failed].reset_index(drop=True))
        else:
            scores = {name: frame[name].mask(failed) for name in SCORED[:-1]}
            frames.append(frame.assign(**scores, failed_at_step=np.where(scores["accuracy"].isna(), 7.0, np.nan)))
    return Study(*frames)


def study(design: Design, seed: int = 0) -> Study:
    """Simulate the runs, references and predictions of a design."""
    cells = [
        (technique, *placed(transfer), *pair, start, budget, design.accuracy(technique, *transfer[:2], start, budget))
        for technique in design.techniques
        for transfer in design.transfers
        for pair in design.pairs
        for start in design.initialisations
        for budget in design.budgets
    ]
    places = [(transfer[1], pair[1]) for transfer in design.transfers for pair in design.pairs]
    fixed = []
    for target, dataset in dict.fromkeys(places):
        if "bare" in design.references:
            fixed.append(("none", "any", target, "any", "any", dataset, "bare", 0, design.bare))
        if "native" in design.references:
            own = ("any", target, "any", "any", dataset, "native", 0, design.native)
            fixed += [(technique, *own) for technique in design.techniques]
    runs, predictions = _simulate(cells, design, seed)
    references, others = _simulate(fixed, design, seed)
    return Study(runs, references, pd.concat([predictions, others], ignore_index=True))


def placed(transfer: tuple[str, ...]) -> tuple[str, ...]:
    """Source, target and map of a transfer."""
    return (*transfer, "copy")[:3]


def _simulate(cells: list[tuple], design: Design, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score and prediction rows for cells that end with their true accuracy."""
    columns = [*CELL, "budget_steps"]
    rows, frames = [], []
    ids = [f"example-{index:05d}" for index in range(design.examples)]
    labels = [WORDS[index % 2] for index in range(design.examples)]
    for *key, accuracy in cells:
        keys = dict(zip(columns, key, strict=True))
        # scratch is one training for all sources: the same answers whatever the source
        shared = ("source_host", "source_dataset", "map") if keys["initialisation"] == "scratch" else ()
        name = [part for column, part in keys.items() if column not in shared and (column, part) not in UNMAPPED]
        draw = generator(seed, *name)
        difficulty = generator(seed, "difficulty", keys["target_dataset"]).standard_normal(design.examples)
        seeds = design.seeds[:1] if keys["initialisation"] == "bare" else design.seeds
        true = accuracy + design.seed_deviation * draw.standard_normal(len(seeds))
        right = answers_of(true, difficulty, draw)
        for number, row in zip(seeds, right, strict=True):
            likelihood = np.log(np.where(row > 0.5, RIGHT, 1 - RIGHT))
            scores = dict.fromkeys(("accuracy", "score", "calibrated_accuracy", "macro_f1"), row.mean())
            scores |= {"choice_log_likelihood": likelihood.mean(), "loss": 0.5, "test_examples": design.examples}
            rows.append({"study": "simulated"} | keys | {"seed": number} | scores | COMPUTED_BY)
            answers = {"example_id": ids, "label": labels, "score": row, "choice_log_likelihood": likelihood}
            frames.append(pd.DataFrame(keys | {"seed": number} | answers))
    runs = pd.DataFrame(rows, columns=["study", *columns, "seed", *SCORED, *COMPUTED_BY])
    runs["metric"] = "accuracy"
    runs[[name for name in SCORES if name not in runs and name != "failed_at_step"]] = np.nan
    runs["learning_rate"] = np.nan
    empty = pd.DataFrame(columns=[*columns, "seed", "example_id", "label", "score", "choice_log_likelihood"])
    return runs, pd.concat(frames, ignore_index=True) if frames else empty


# what modules of each method look like in a simulated study: parameters, parts touched, shared parameters
MADE_OF = {
    "adapters": (20_000, "attention + feed forward", 0),
    "compacter": (3_000, "attention + feed forward", 64),
    "lora": (9_000, "attention", 0),
    "prefix_tuning": (60_000, "attention", 14_000),
    "prompt_tuning": (640, "embedding", 0),
    "ia3": (1_200, "attention + feed forward", 0),
    "tiny_attention": (2_500, "attention", 0),
}


def costs(techniques: dict[str, tuple[int, str, int]], host: str) -> pd.DataFrame:
    """Table `costs` of one host: what modules are made of is given, the rest is harmless."""
    rows = []
    for name, (parameters, workspace, shared) in techniques.items():
        row = {column: 1.0 if kind.kind == REAL else 1 for column, kind in TABLES["costs"].items()}
        row |= {"technique": name, "target_host": host, "machine": "a machine", "workspace": workspace}
        row |= {"parameters": parameters, "shared_parameters": shared, "host_parameters": 1_000_000}
        rows.append(row | {"storage_bytes": 4 * parameters, "step_bytes": 2_000_000, "full_step_bytes": 8_000_000.0})
    return pd.DataFrame(rows, columns=list(TABLES["costs"]))


def statistics(made: Study, margin: float = MARGIN) -> dict[str, pd.DataFrame]:
    """Every table of statistics of a simulated study, by name, in the order in which they need each other."""
    tables = {"runs": made.runs, "references": made.references, "predictions": made.predictions}
    for name, needs in STATISTICS.items():
        settings = settings_of(name, StatisticsSettings(margin=margin))
        tables[name] = compute(name, {need: tables[need] for need in needs}, settings)
    return tables


def described(made: Study, portability: pd.DataFrame, methods: dict[str, str] | None = None) -> pd.DataFrame:
    """Table `techniques` of a simulated study; techniques of a method that is not known look like nothing known."""
    names = list(dict.fromkeys(made.runs["technique"]))
    methods = methods or {name: name for name in names}
    look = {name: MADE_OF.get(methods[name], (5_000, "attention", 0)) for name in names}
    tables = [costs(look, host) for host in dict.fromkeys(made.runs["target_host"])]
    steps = [1, 10, 20, 30, 40]
    curve = pd.DataFrame({"step": steps, "loss": [1.0, 0.5, 0.2, 0.05, 0.0], "phase": "train", "seed": 0})
    places = made.runs[["technique", "target_host", "target_dataset"]].drop_duplicates()
    return techniques(methods, tables, places.merge(curve, how="cross"), made.runs, portability)
