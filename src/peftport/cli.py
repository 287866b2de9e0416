"""``peftport``: run the workflow that ships with the package, in any folder.

peftport [snakemake options]     the default study, or the one given by --configfile
peftport --unlock                free the folder after a run was killed; a living run's files stay locked
peftport plan [CONFIG ...]       what a study asks for, what of it is there, what would run; runs nothing
peftport check ADAPTER --onto NEW   whether an adapter that you have can be moved into a host; runs nothing
peftport port ADAPTER --from OLD --to NEW --out DIR   write it for that host, as a new PEFT folder
peftport assess ADAPTER --from OLD --to NEW --data FILE   what it keeps there, measured on labelled examples
peftport predict RESULTS ...     what studies that have run let expect of a move that was not; runs nothing
peftport verify [CONFIG ...]     whether every file of a study that has run is whole, in its place and up to date
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from peftport import __version__
from peftport.paths import pipeline_root
from peftport.planning.dry_run import DryRunError
from peftport.planning.living_runs import living_runs, locks, locks_of_dead_runs
from peftport.planning.plan import make_plan
from peftport.planning.plan_text import plan_text
from peftport.planning.preflight import refusal
from peftport.planning.writable import unwritable
from peftport.study.config import ConfigError

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
WRONG = 2


def command(arguments: list[str]) -> list[str]:
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


def plan(arguments: Sequence[str]) -> int:
    """Print the plan of a study; returns the exit status, 2 where the config is wrong."""
    parser = argparse.ArgumentParser("peftport plan", description="What a study asks for, before anything runs.")
    parser.add_argument("config", nargs="*", type=Path, help="config files, merged in order; else the default study")
    parser.add_argument("--directory", "-d", type=Path, default=Path(), help="where results/ lies; else this folder")
    parser.add_argument("--json", action="store_true", help="for machines, with every job that is made again")
    chosen = parser.parse_args(arguments)
    try:
        planned = make_plan(chosen.config, chosen.directory)
    except (ConfigError, DryRunError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG
    print(json.dumps(asdict(planned), indent=2) if chosen.json else plan_text(planned), end="\n" if chosen.json else "")
    return 0


def verify(arguments: Sequence[str]) -> int:
    """Verify a study that has run; returns the exit status, 1 where something is wrong, 2 where the config is."""
    from peftport.planning.manifest import ManifestError
    from peftport.planning.verify_command import verify_against, verify_with_config  # pandas, which a run needs not

    parser = argparse.ArgumentParser("peftport verify", description="Whether the files of a study are what they were.")
    parser.add_argument("config", nargs="*", type=Path, help="config files, merged in order; else the default study")
    parser.add_argument("--directory", "-d", type=Path, default=Path(), help="where results/ lies; else this folder")
    parser.add_argument("--json", action="store_true", help="for machines")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--repair", action="store_true", help="set aside what is wrong, so that a run makes it again")
    kinds.add_argument("--manifest", metavar="FILE", type=Path, help="write the names, digests and keys of all files")
    kinds.add_argument("--against", metavar="FILE", type=Path, help="hold files against a manifest; no config")
    chosen = parser.parse_args(arguments)
    try:
        return verify_against(chosen) if chosen.against else verify_with_config(chosen)
    except (ConfigError, ManifestError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG


def check(arguments: Sequence[str]) -> int:
    """Check an adapter against a host; returns the exit status, which says the verdict."""
    from peftport.adapters.command import check_command

    return check_command(arguments)


def port(arguments: Sequence[str]) -> int:
    """Port an adapter; returns the exit status, that of ``check`` where nothing is written."""
    from peftport.adapters.port_command import port_command

    return port_command(arguments)


def assess(arguments: Sequence[str]) -> int:
    """Assess an adapter; returns the exit status, which is told by its --help."""
    from peftport.assess.command import assess_command

    return assess_command(arguments, run)


def predict(arguments: Sequence[str]) -> int:
    """Predict from studies that have run; returns the exit status."""
    from peftport.prediction.command import predict_command

    return predict_command(arguments)


def run(arguments: list[str]) -> int:
    """Run the workflow; returns its exit status."""
    if message := refusal(arguments, SUBCOMMANDS):
        print(message, file=sys.stderr)
        return WRONG
    status = call(command(arguments))
    if status and (message := locked(arguments)):
        print(message, file=sys.stderr)
    return status


def call(arguments: list[str]) -> int:
    """Run a command to its end, which is its own after Ctrl-C too; returns its exit status."""
    process = subprocess.Popen(arguments, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal sends it to both
            continue


SUBCOMMANDS = {
    "run": run,
    "plan": plan,
    "check": check,
    "port": port,
    "assess": assess,
    "predict": predict,
    "verify": verify,
}


def main() -> None:
    """Entry of the ``peftport`` command."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        raise SystemExit(0)
    if arguments[:1] == ["--version"]:
        print(f"peftport {__version__} (snakemake {version('snakemake')})")
        raise SystemExit(0)
    writable_cache(arguments)
    if "--unlock" in arguments:
        raise SystemExit(unlock(arguments))
    for name, subcommand in SUBCOMMANDS.items():
        if arguments[:1] == [name]:
            raise SystemExit(subcommand(arguments[1:]))
    raise SystemExit(run(arguments))
