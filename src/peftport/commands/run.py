"""``peftport run``, or ``peftport`` alone: run the workflow that ships with the package, in any folder."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from peftport.commands.help import command_parser
from peftport.commands.table import COMMANDS
from peftport.paths import pipeline_root
from peftport.planning.living_runs import living_runs, locks, locks_of_dead_runs
from peftport.planning.preflight import refusal
from peftport.planning.writable import unwritable

LOCKED = """\
This folder is locked by a run that was killed. Free it with
    {unlock}
and give your command again."""
AT_WORK = """\
This folder is locked by a run that is at work: {runs}. Wait until it ends; --unlock would harm it."""
FREED = "Freed: the locks of killed runs ({number}). "
HELD = "At work, and its locks stay: {runs}."
ENOUGH = ("--cores", "-c", "--jobs", "-j", "--executor", "-e", "--workflow-profile", "--profile")
NO_CACHE = "note: {message} Until then Snakemake's cache is {cache} (XDG_CACHE_HOME)."
STATUS = "0 every file is there; 1 a job failed, and the same command goes on; 2 the command or the config is wrong"
WRONG = 2


def command(arguments: Sequence[str]) -> list[str]:
    """The snakemake command for these arguments; all cores unless they say otherwise."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(pipeline_root() / "Snakefile")]
    said = any(argument.split("=")[0] in ENOUGH or argument[:2] in ("-c", "-j") for argument in arguments)
    return [*start, *([] if said else ["--cores", "all"]), *arguments]


def folder_of(arguments: Sequence[str]) -> Path:
    """The folder in which the run of these arguments works."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--directory", "-d", type=Path, default=Path())
    return parser.parse_known_args(arguments)[0].directory


def locked(arguments: Sequence[str]) -> str:
    """Whether a run that is at work or one that was killed holds the folder, and what helps; empty if none does."""
    folder = folder_of(arguments)
    if not locks(folder):
        return ""
    if not locks_of_dead_runs(folder):
        return AT_WORK.format(runs="; ".join(map(str, living_runs(folder))))
    said = ["--directory", str(folder)] if folder != Path() else []
    return LOCKED.format(unlock=shlex.join(["peftport", "--unlock", *said]))


def unlock(arguments: Sequence[str]) -> int:
    """Take away the locks of killed runs, and no other; returns the exit status, 1 where a living run's are left."""
    folder = folder_of(arguments)
    freed = locks_of_dead_runs(folder)
    for path in freed:
        path.unlink(missing_ok=True)
    left = locks(folder)
    message = FREED.format(number=len(freed)) if freed else "" if left else "Nothing is locked."
    print(message + (HELD.format(runs="; ".join(map(str, living_runs(folder)))) if left else ""))
    return int(bool(left) and not freed)


def writable_cache(arguments: Sequence[str]) -> None:
    """Give Snakemake a cache in the study's folder where that of the user (HOME) cannot be written; else it fails."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    if message := unwritable([usual / "snakemake"]):
        cache = (folder_of(arguments) / ".snakemake" / "cache").absolute()
        os.environ["XDG_CACHE_HOME"] = str(cache)
        print(NO_CACHE.format(message=message, cache=cache), file=sys.stderr)


def run(arguments: Sequence[str]) -> int:
    """Run the workflow; returns its exit status."""
    arguments = list(arguments)
    if {"--help", "-h"} & {*arguments}:
        parser().print_help()
        return 0
    writable_cache(arguments)
    if "--unlock" in arguments:
        return unlock(arguments)
    if message := refusal(arguments, COMMANDS):
        print(message, file=sys.stderr)
        return WRONG
    status = call(command(arguments))
    if status and (message := locked(arguments)):
        print(message, file=sys.stderr)
    return status


def parser() -> argparse.ArgumentParser:
    """Those of Snakemake's options that are used most; it is for help and completion, all others pass as well."""
    what = (
        "Run a study, or what is missing of it. Every option of Snakemake's is passed on; these are used most, and "
        "`snakemake --help` has the others."
    )
    made = command_parser("run", what, STATUS, add_help=False)
    add = made.add_argument
    add(
        "--configfile",
        metavar="FILE",
        nargs="+",
        help="the study, files merged in order; else the default one",
    )
    add("--cores", metavar="N", help="processes at a time; all unless given")
    add("--directory", metavar="DIR", help="where results/ lies; else this folder")
    add("--dry-run", action="store_true", help="list the jobs that would run")
    add("--keep-going", action="store_true", help="after a job has failed, run those that do not need it")
    add(
        "--workflow-profile",
        metavar="DIR",
        help="how it runs: gpu, slurm, or a folder; --cores is left out",
    )
    add("--unlock", action="store_true", help="free the folder after a run was killed; no living run's")
    add("--help", "-h", action="store_true", help="this help")
    return made


def call(arguments: list[str]) -> int:
    """Run a command to its end, which is its own after Ctrl-C too; returns its exit status."""
    process = subprocess.Popen(arguments, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal sends it to both
            continue
