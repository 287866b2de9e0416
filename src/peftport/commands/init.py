"""``peftport init``: write the config of a study, from four questions or from flags."""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from peftport.adapters.arguments import label_pairs
from peftport.assess.columns import text_and_label
from peftport.assess.origins import BUNDLED, host_entry
from peftport.assess.request import Examples, label_words
from peftport.commands.help import command_parser
from peftport.registry import unknown_name
from peftport.storage.files import write_text
from peftport.storage.provenance import JsonObject
from peftport.study.commented import commented
from peftport.study.config import read_settings
from peftport.study.settings import NAME_PATTERN
from peftport.techniques.settings import METHOD_SETTINGS
from peftport.techniques.table import PASSED_ON, no_output

WRONG = 2
STATUS = "0 written; 2 something given is wrong, or a question has no answer"
OLD, NEW, TASK, GENERATED = "old", "new", "task", "generated"
OFFERED = [name for name in METHOD_SETTINGS if name not in ("hybrid", PASSED_ON)]
VALIDATION, TEST, MOST_TESTED = 0.1, 0.5, 2_000  # shares of one's own examples; how many are tested on at most
# Where we would begin; nothing of this is from a publication.
BUDGETS, SEEDS, BATCH, SOURCE_STEPS = [0, 10, 25, 50, 100], 3, 32, 200
SMALL_HOSTS, LARGE_HOSTS = 0.005, 0.0005  # learning rates: of the hosts that ship with peftport, of any other
FILMS = {"domain": "film", "train": 4000, "validation": 500, "test": 1000, "seed": 20261124}

QUESTIONS = {
    "source": ("Host that modules are trained in", f"{BUNDLED}reviews-raw"),
    "target": ("Host that they are moved to", f"{BUNDLED}reviews-instruct"),
    "data": (f"File of labelled examples, or `{GENERATED}` for film reviews made here", GENERATED),
    "techniques": ("Techniques, joined by commas", "lora,adapters"),
}
HOSTS = f"a folder, a .gguf file, {BUNDLED}<name>, or <hub id>@<commit>"
COMMENTS = {
    "study": "Results land in results/<study>/.",
    "hosts": f"`{OLD}` is where modules are trained, `{NEW}` where they are moved to.",
    "datasets": "`template` is what a host reads, and `labels` says by which word each value of the data is answered.\n"
    "Words that a host would write by itself are best.",
    "techniques": "The rates are where we would begin. Tune `learning_rate` first when a technique learns nothing.",
    "training": "`source_steps`: optimiser steps of a module in its own host.",
    "grid": "Technique x transfer x dataset pair x initialisation x budget x seed is a run each. `ported` is the copy\n"
    "and the other initialisations are what it must beat. Budgets are training steps in the new host, all of them one\n"
    "training; 0 is the plain copy. Three seeds tell large differences only; seeds that are added run alone.",
}
HEAD = """\
Made by `peftport init`, to be edited. Every key with its meaning, unit and default: config/README.md of peftport.

    peftport plan {file}                what it asks for; runs nothing
    peftport --configfile {file}        run it; the same again goes on where it stopped
    peftport show {file}                its verdict"""


def init(arguments: Sequence[str]) -> int:
    """Write a config; returns the exit status."""
    chosen = parser().parse_args(arguments)
    try:
        if chosen.file.exists():
            raise ValueError(f"{chosen.file}: is there already; expected a name of a new file")
        _ask(chosen)
        config = make_config(chosen)
        text = commented(config, HEAD.format(file=shlex.quote(str(chosen.file))), COMMENTS)
        read_settings(config)
        write_text(chosen.file, text)
    except (ValueError, OSError) as error:  # ConfigError is a ValueError
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    print(f"Written: {chosen.file}. Next:\n    peftport plan {shlex.quote(str(chosen.file))}")
    return 0


def make_config(chosen: argparse.Namespace) -> JsonObject:
    """The config that the flags or the answers ask for, as plain values.

    Raises:
        ValueError: a host, the data or a technique cannot be had; the message says which.
    """
    techniques = [name.strip() for name in chosen.techniques.split(",")]
    for name in techniques:
        if name not in OFFERED:
            raise ValueError(f"--techniques: {unknown_name('technique', name, OFFERED)}")
    bundled = all(host.startswith(BUNDLED) for host in (chosen.source, chosen.target))
    rate = chosen.learning_rate or (SMALL_HOSTS if bundled else LARGE_HOSTS)
    entries = {name: {"learning_rate": rate} for name in dict.fromkeys(techniques)}
    scaled = all(no_output(METHOD_SETTINGS[name]()) is None for name in entries)
    return {
        "study": chosen.file.stem,
        "hosts": {OLD: host_entry("--source", chosen.source), NEW: host_entry("--target", chosen.target)},
        "datasets": {TASK: _dataset(chosen)},
        "techniques": entries,
        "training": {"source_steps": SOURCE_STEPS, "batch_size": BATCH, "warmup_steps": 4},
        "grid": {
            "techniques": list(entries),
            "transfers": [{"source": OLD, "target": NEW}],
            "dataset_pairs": [{"source": TASK, "target": TASK}],
            "initialisations": ["ported", "sampled", *(["matched"] if scaled else []), "scratch"],
            "budgets": BUDGETS,
            "seeds": [list(range(SEEDS))],
        },
    }


def _dataset(chosen: argparse.Namespace) -> JsonObject:
    """The entry of the dataset."""
    if chosen.data == GENERATED:
        words = {"negative": "negative", "positive": "positive"}
        return {"source": {"generated": FILMS}, "labels": words, "template": chosen.template or "sentiment: {text}"}
    file = Path(chosen.data).expanduser()
    text, label = text_and_label(file, chosen.text, chosen.label)
    words, _ = label_words(Examples([file], text, label, chosen.labels, "", "--"), label)
    return {
        "source": {"files": [{"path": str(file.resolve()), "columns": {"text": text, "label": label}}]},
        "labels": words,
        "template": chosen.template or "{text}",
        "split": {"validation": VALIDATION, "test": TEST},
        "examples": {"test": MOST_TESTED},
    }


def _ask(chosen: argparse.Namespace) -> None:
    """Ask for what was not given; what is answered stands in ``chosen`` then.

    Raises:
        ValueError: nobody can be asked, because input is no terminal.
    """
    missing = [name for name in QUESTIONS if getattr(chosen, name) is None]
    if missing and not sys.stdin.isatty():
        flags = ", ".join(f"--{name}" for name in missing)
        raise ValueError(f"expected {flags}: nobody can be asked, because the input is no terminal")
    for name in missing:
        question, usual = QUESTIONS[name]
        setattr(chosen, name, input(f"{question} [{usual}]: ").strip() or usual)


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = (
        "Write the config of a study of your own, with comments. What no flag says is asked; Enter takes what stands "
        f"in brackets. Hosts are {HOSTS}."
    )
    made = command_parser("init", what, STATUS)
    add = made.add_argument
    add("file", nargs="?", type=_file, default=Path("study.yaml"), help="file to write, which must be new; study.yaml")
    add("--source", metavar="HOST", help="host that modules are trained in")
    add("--target", metavar="HOST", help="host that they are moved to")
    add("--data", metavar="FILE", help=f"labelled examples: csv, tsv, jsonl, json, parquet; or `{GENERATED}`")
    add("--techniques", metavar="NAME,NAME", help=f"of {', '.join(OFFERED)}")
    add("--text", metavar="COLUMN", help="column with the texts, where it is not clear")
    add("--label", metavar="COLUMN", help="column with the labels, where it is not clear")
    add("--labels", type=label_pairs, metavar="0=WORD,1=WORD", help="label words; else the values themselves")
    add("--template", help="what a host reads, with {text} in it; the text alone unless given")
    add("--learning-rate", type=float, help=f"of every technique; {LARGE_HOSTS} unless given")
    return made


def _file(text: str) -> Path:
    """The file to write, whose name gives the study its own.

    Raises:
        argparse.ArgumentTypeError: it has another ending, or its name cannot be a study's.
    """
    path = Path(text)
    if path.suffix not in (".yaml", ".yml"):
        raise argparse.ArgumentTypeError(f"expected .yaml in the name, at its end, got {text!r}")
    if not re.fullmatch(NAME_PATTERN, path.stem):
        raise argparse.ArgumentTypeError(f"expected letters, digits and single . _ + - in the name, got {path.stem!r}")
    return path
