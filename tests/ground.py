"""Two tiny hosts on disk with their cards, a small dataset, its prompts and modules trained on it: what stages read."""

import itertools
import signal
from pathlib import Path

import pandas as pd
import torch

from peftport.compute.host_inputs import HostInputs
from peftport.data.prepare import prepare
from peftport.data.settings import DatasetSettings
from peftport.evaluation.cell import CellSettings, evaluate_cell
from peftport.hosts.identify import identify_host
from peftport.hosts.load import load_tokenizer
from peftport.hosts.settings import HostSettings
from peftport.jobs.checkpoints import Checkpoint
from peftport.jobs.signals import STOPS, Stopped
from peftport.prompting.task import Task
from peftport.settings import EvaluationSettings, TrainingSettings
from peftport.storage.cards import read_card, write_card
from peftport.storage.parquet import read_table, write_table
from peftport.training.extract import extract_modules
from peftport.training.source import SourceOutputs, SourceSettings, train_source
from tests import studies
from tests.techniques import SETTINGS

HOSTS, SEEDS = ("raw", "instruct"), (0, 1)
TASK = {"template": "sentiment: {text}", "words": ["negative", "positive"]}
TECHNIQUE = {"method": "lora", "learning_rate": 0.02, "source_steps": None, **SETTINGS["lora"]}
TRAINING = {
    "source_steps": 6,
    "warmup_steps": 2,
    "batch_size": 8,
    "weight_decay": 0.0,
    "gradient_clip": 1.0,
    "max_tokens": 32,
    "host_precision": "float32",
    "keep": "last",
    "validate_every": 2,
}
NAMES = {
    "technique": "lora",
    "source_host": "raw",
    "target_host": "instruct",
    "map": "copy",
    "source_dataset": "film",
    "target_dataset": "film",
    "initialisation": "ported",
}
MADE = {"key": "0" * 16, "names": {"dataset": "film"}}


def prepare_ground(folder: Path) -> None:
    """Write hosts/<name>, <name>.json (cards), the splits, prompts/<name>, <name>/ (trained states), modules/<name>."""
    torch.set_num_threads(1)  # everywhere the same number, because it moves the last bit
    studies.save_hosts(folder / "hosts")
    definition = studies.smoke_config(folder)["datasets"]["film"] | {"template": TASK["template"]}
    definition |= {"split": {"validation": 0.1, "test": 0.1, "seed": 0}, "examples": {}}
    definition["source"]["generated"] |= {"train": 40, "validation": 16, "test": 24, "seed": 0}
    for name, examples in prepare(DatasetSettings.model_validate(definition), folder)[0].items():
        write_table(folder / f"{name}.parquet", examples, "examples")
    for name in HOSTS:
        place = folder / "hosts" / name
        write_card(folder / f"{name}.json", identify_host(name, HostSettings(path=str(place)), place))
        encode(folder, name, folder)
        outputs = train(folder, name, folder / name)
        extract_modules(outputs["state"], outputs["config"], modules(folder, name), MADE)


def prompts(folder: Path, host: str) -> dict[str, Path]:
    """Where the prompts of a host lie, by split."""
    return {name: folder / "prompts" / host / f"{name}.parquet" for name in ("train", "validation", "test")}


def encode(folder: Path, host: str, splits: Path) -> None:
    """Write the prompts of a host for the splits that lie in a folder."""
    card = read_card(folder / f"{host}.json")
    task = Task.for_host(TASK, load_tokenizer(Path(card["folder"])), card, TRAINING["max_tokens"])
    for name, path in prompts(folder, host).items():
        examples = read_table(splits / f"{name}.parquet", "examples")
        write_table(path, task.encode(examples).table(), "prompts")


def train(
    folder: Path, host: str, into: Path, technique=TECHNIQUE, training=TRAINING, checkpoint=None, seeds=SEEDS
) -> dict[str, Path]:
    """Train the source modules of some seeds, of both as a rule."""
    names = {"curve": "training.parquet", "state": "state.safetensors", "config": "state.json"}
    outputs = {name: into / file for name, file in names.items()}
    splits = prompts(folder, host)
    train_source(
        HostInputs(folder / f"{host}.json", splits["train"], splits["validation"]),
        SourceSettings(technique, TrainingSettings(**training), TASK, list(seeds)),
        SourceOutputs(**outputs),
        MADE,
        checkpoint or Checkpoint(None),
    )
    return outputs


def evaluate(
    folder: Path, host: str, starts: dict[int, Path | None], budgets: list[int],
    cell=NAMES, generate=False, technique=TECHNIQUE, checkpoint=None, texts=20, merged=False, training=TRAINING,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """The tables of a cell in a host, from these starts."""
    evaluation = EvaluationSettings(batch_size=16, generate=generate, calibration_texts=texts, merged=merged)
    settings = CellSettings(technique, TrainingSettings(**training), evaluation, TASK, budgets)
    inputs = HostInputs(folder / f"{host}.json", **prompts(folder, host))
    return evaluate_cell(inputs, starts, settings, cell, checkpoint or Checkpoint(None))


class Stopping(Checkpoint):
    """A checkpoint of a job that is told to stop, as if by SIGTERM, when it offers one for the n-th time; 0: never."""

    def __init__(self, path: Path, offers: int, key: str = "key") -> None:
        super().__init__(path, key, seconds=1000)
        self.offers = offers

    def offer(self, state) -> None:
        self.offers -= 1
        if self.offers == 0:
            STOPS.came = signal.SIGTERM
        super().offer(state)


def in_pieces(path: Path, offers: int, job):
    """What ``job(checkpoint)`` gives when it is stopped after so many offers, and again, until it ends; and how often
    it was stopped.
    """
    for times in itertools.count():
        STOPS.came = None
        try:
            return job(Stopping(path, offers)), times
        except Stopped:
            assert path.is_file()
        finally:
            STOPS.came = None


def modules(folder: Path, host: str) -> dict[int, Path]:
    """Where the modules of a host lie, by seed."""
    return {seed: folder / "modules" / host / f"seed-{seed}" for seed in SEEDS}
