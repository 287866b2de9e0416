"""Two tiny hosts on disk with their cards, a small dataset, and modules trained on it: what stages read."""

from pathlib import Path

import torch

from peftport.data.prepare import prepare
from peftport.files import write_card
from peftport.hosts.card import identify_host
from peftport.tables import write_table
from peftport.training.extract import extract_modules
from peftport.training.source import train_source
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
    "members_together": 1,
    "host_precision": "float32",
    "keep": "last",
    "validate_every": 2,
}
MADE = {"key": "0" * 16, "names": {"dataset": "film"}}


def prepare_ground(folder: Path) -> None:
    """Write hosts/<name>, <name>.json (cards), the splits, <name>/ (trained states) and modules/<name>/seed-<n>."""
    torch.set_num_threads(1)  # everywhere the same number, because it moves the last bit
    studies.save_hosts(folder / "hosts")
    definition = studies.smoke_config(folder)["datasets"]["film"] | {"template": TASK["template"]}
    definition |= {"split": {"validation": 0.1, "test": 0.1, "seed": 0}, "examples": {}}
    definition["source"]["generated"] |= {"train": 40, "validation": 16, "test": 24, "seed": 0}
    for name, examples in prepare(definition, folder)[0].items():
        write_table(folder / f"{name}.parquet", examples, "examples")
    for name in HOSTS:
        write_card(folder / f"{name}.json", identify_host(name, {}, folder / "hosts" / name))
        outputs = train(folder, name, folder / name)
        extract_modules(outputs["state"], outputs["config"], modules(folder, name), MADE)


def train(folder: Path, host: str, into: Path, technique=TECHNIQUE, training=TRAINING, **data: Path) -> dict[str, Path]:
    """Train the source modules of both seeds; ``data`` replaces splits."""
    data = {"card": folder / f"{host}.json"} | {n: folder / f"{n}.parquet" for n in ("train", "validation")} | data
    names = {"curve": "training.parquet", "state": "state.safetensors", "config": "state.json"}
    outputs = {name: into / file for name, file in names.items()}
    train_source(data, technique, training, TASK, list(SEEDS), outputs, MADE)
    return outputs


def modules(folder: Path, host: str) -> dict[int, Path]:
    """Where the modules of a host lie, by seed."""
    return {seed: folder / "modules" / host / f"seed-{seed}" for seed in SEEDS}
