"""The study that tells what an adapter keeps in a new host: its config, as one that a person can read and edit."""

import re
from pathlib import Path

from peftport.adapters.config import normalised
from peftport.adapters.folder import read_adapter
from peftport.assess.columns import text_and_label
from peftport.assess.origins import host_entry, module_entry
from peftport.assess.request import Examples, Request, WrongRequest, label_words
from peftport.storage.provenance import JsonObject
from peftport.study.commented import commented
from peftport.study.config import read_settings
from peftport.study.existing import adapter_folder
from peftport.study.module_settings import ModuleSettings
from peftport.study.settings import NAME_PATTERN
from peftport.techniques.table import no_output

OLD, NEW, TASK, PROBE = "old", "new", "task", "probe"  # names of hosts and datasets in the study
VALIDATION, TEST = 0.1, 0.5  # shares of the examples
MOST_TESTED = 2_000  # examples that are tested on, where there are more
FEW_EXAMPLES, SMALL_BATCH, BATCH = 320, 16, 32
LEAST_EPOCH, MOST_EPOCH = 10, 200  # bounds of the smallest usual budget, which is one pass over the examples
FIRST_LINE = "Made by `peftport assess`. To run it once it is edited: the same command with --keep-config."
COMMENTS = {
    "hosts": "`old` is where the adapter was trained, `new` is where it is to work.",
    "datasets": "`template` must be the prompt that the adapter was trained with, and `labels` the words it answers; "
    "of `probe`, if it is there, those with which the hosts answer well without the adapter.",
    "modules": "Its files are read and never changed.",
    "grid": "`ported` is the copy; the other initialisations are what it must beat. Reference `source`: the old host.",
    "costs": "Costs of techniques are not measured.",
}

Config = JsonObject


def make_config(request: Request) -> Config:
    """The config of the study, checked.

    Raises:
        WrongRequest: what was given does not go together.
        ValueError: of the readers of files, and ConfigError as ``read_settings`` says.
    """
    columns, words, rows = _read(request.task)
    probes = {} if (probed := request.probed) is None else {PROBE: _only_tested(probed)}
    name = _name(request.adapter)
    module = _module(request, words)
    head = {"head": "classification"} if "labels" in module else {}
    share = round(min(TEST, MOST_TESTED / rows), 4)
    training = max(rows * (1 - VALIDATION - (share if request.test_data is None else 0)), 1)
    batch = SMALL_BATCH if training < FEW_EXAMPLES else BATCH
    epoch = min(max(round(training / batch), LEAST_EPOCH), MOST_EPOCH)
    budgets = request.budgets or [0, epoch, 4 * epoch]
    config = {
        "study": "assess",
        "title": f"What {name} keeps in a new host",
        "hosts": {OLD: host_entry("--from", request.old) | head, NEW: host_entry("--to", request.new) | head},
        "datasets": {TASK: _dataset(request, columns, words, share)} | probes,
        "modules": {name: module | {"source_steps": 2 * max(budgets[-1], epoch)}},
        "training": {"batch_size": batch},
        "evaluation": {"calibration_texts": 0},
        "costs": {"repetitions": 0, "full_finetuning": False},
        "grid": {
            "modules": [name],
            "transfers": [{"source": OLD, "target": NEW}],
            "dataset_pairs": [{"source": TASK, "target": TASK}],
            **({"probes": list(probes)} if probes else {}),
            "initialisations": ["ported", "sampled", "scratch"],
            "references": ["bare", "native", "source"],
            "budgets": budgets,
            "seeds": [list(range(request.seeds))],
        },
    }
    settings = read_settings(config)
    if no_output(settings.techniques[name]) is None:
        config["grid"]["initialisations"].insert(2, "matched")
    return config


def config_text(config: Config) -> str:
    """The config as YAML with comments."""
    return commented(config, FIRST_LINE, COMMENTS)


def _name(adapter: str) -> str:
    """A name for the module in the study: that of its folder or repository, as far as a study can have it."""
    last = re.split(r"[/\\]", adapter.rstrip("/\\").partition("@")[0])[-1]
    name = re.sub(r"[^A-Za-z0-9]+", "-", last).strip("-")[:64].strip("-")
    return name if re.fullmatch(NAME_PATTERN, name) else "adapter"


def _module(request: Request, words: dict[str, str]) -> JsonObject:
    """The entry of the module, with the label words in the order of its head's outputs where it has a head."""
    entry = module_entry(request.adapter) | {"host": OLD, "dataset": TASK}
    if request.initial is not None:
        entry["initial"] = str(request.initial.resolve())
    if request.learning_rate is not None:
        entry["learning_rate"] = request.learning_rate
    adapter = read_adapter(adapter_folder(ModuleSettings.model_validate(entry), Path.cwd()))
    if not (parts := normalised(adapter).modules_to_save):
        return entry
    if request.labels is None:
        raise WrongRequest(
            f"--labels: expected value=word for each label in the order of the outputs of the adapter's head "
            f"({', '.join(parts)}), which no file says; got none"
        )
    return entry | {"labels": list(dict.fromkeys(words.values()))}


def _read(examples: Examples) -> tuple[dict[str, str], dict[str, str], int]:
    """The columns, the label words, and how many rows the first file has."""
    text, label = text_and_label(examples.files[0], examples.text, examples.label, examples.flag)
    return {"text": text, "label": label}, *label_words(examples, label)


def _dataset(request: Request, columns: dict[str, str], words: dict[str, str], share: float) -> JsonObject:
    """The entry of the dataset; files keep their absolute paths, so that the study runs from any folder."""
    files = [{"path": str(path.resolve()), "columns": dict(columns)} for path in request.task.files]
    split = {"validation": VALIDATION} | ({"test": share} if request.test_data is None else {})
    return {
        "source": {"files": [*files[:1], *(file | {"split": "test"} for file in files[1:])]},
        "labels": words,
        "template": request.template,
        "split": split,
        "examples": {"test": MOST_TESTED},
    }


def _only_tested(examples: Examples) -> JsonObject:
    """The entry of a dataset of which every example is for testing."""
    columns, words, _ = _read(examples)
    file = {"path": str(examples.files[0].resolve()), "columns": columns, "split": "test"}
    return {
        "source": {"files": [file]},
        "labels": words,
        "template": examples.template,
        "examples": {"test": MOST_TESTED},
    }
