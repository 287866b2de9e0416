"""What is wrong with a command line, said in one line before Snakemake starts."""

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from peftport.paths import pipeline_root
from peftport.registry import did_you_mean
from peftport.study.config import ConfigError
from peftport.study.read import read_study

WORD = re.compile(r"[a-z_]+")
RULE = re.compile(r"^rule (\w+):", re.MULTILINE)
NO_CORES = "error: `{option} {number}`: expected at least 1, or `all`."
NO_FOLDER = "error: `--directory {folder}`: expected a folder, it is a file."
NO_TARGET = "error: no subcommand and no target `{word}`.{near} Subcommands: {subcommands}. Targets: {targets}."


def refusal(arguments: Sequence[str], subcommands: Iterable[str]) -> str:
    """What is wrong with the arguments of a run, in one line; empty if nothing is, as far as it is known by now.

    Args:
        arguments: of the command line, most of them Snakemake's.
        subcommands: what the first argument may be instead.
    """
    if arguments and WORD.fullmatch(arguments[0]) and arguments[0] not in (every := rules()):
        word, subcommands = arguments[0], list(subcommands)
        facts = {"word": word, "near": did_you_mean(word, [*subcommands, *every]), "targets": shown(targets())}
        return NO_TARGET.format(subcommands=shown(subcommands), **facts)
    try:
        said = options(arguments)
    except argparse.ArgumentError as error:
        return f"error: {error}"
    for option, number in (("--cores", said.cores), ("--jobs", said.jobs)):
        if number is not None and re.fullmatch(r"-\d+|0+", number):
            return NO_CORES.format(option=option, number=number)
    if said.directory.exists() and not said.directory.is_dir():
        return NO_FOLDER.format(folder=said.directory)
    if said.configfile and said.config is None:  # Snakemake adds what `--config` says to the files
        try:
            read_study(said.configfile, said.directory)
        except ConfigError as error:
            return f"error: {error}"
    return ""


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Of Snakemake's options those that are looked at here."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", type=Path, default=[])
    parser.add_argument("--config", "-C", nargs="*")
    parser.add_argument("--cores", "-c", nargs="?")
    parser.add_argument("--jobs", "-j", nargs="?")
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    return parser.parse_known_args(list(arguments))[0]


def rules() -> list[str]:
    """The names of all rules, which Snakemake takes as targets."""
    files = [pipeline_root() / "workflow" / "Snakefile", *sorted((pipeline_root() / "workflow/rules").glob("*.smk"))]
    return [name for file in files for name in RULE.findall(file.read_text(encoding="utf-8"))]


def targets() -> list[str]:
    """Those rules that make no file themselves and ask for all files of a kind."""
    from peftport.stages.table import STAGES

    return [name for name in rules() if name not in STAGES]


def shown(names: Iterable[str]) -> str:
    """Names as a message lists them."""
    return ", ".join(f"`{name}`" for name in names)
