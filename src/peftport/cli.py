"""``peftport``: run the workflow that ships with the package, in any folder.

peftport [snakemake options]     the default study, or the one given by --configfile
peftport plan [CONFIG ...]       what a study asks for, what of it is there, what would run; runs nothing
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
from pathlib import Path

from peftport.paths import pipeline_root
from peftport.planning.dry_run import DryRunError
from peftport.planning.plan import make_plan
from peftport.planning.plan_text import plan_text
from peftport.study.config import ConfigError

LOCKED = """\
This folder is locked: another run is at work in it, or one was killed. If none is at work, free it with
    {unlock}
and give your command again."""
ENOUGH = ("--cores", "-c", "--jobs", "-j", "--executor", "-e", "--workflow-profile", "--profile")
WRONG = 2


def command(arguments: list[str]) -> list[str]:
    """The snakemake command for these arguments; all cores unless they say otherwise."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(pipeline_root() / "Snakefile")]
    said = any(argument.split("=")[0] in ENOUGH or argument[:2] in ("-c", "-j") for argument in arguments)
    return [*start, *([] if said else ["--cores", "all"]), *arguments]


def free(arguments: Sequence[str]) -> str:
    """How to free the folder of these arguments; empty if no run holds it, nor one that was killed."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--directory", "-d", type=Path)
    folder = parser.parse_known_args(arguments)[0].directory
    if not any((folder or Path()).glob(".snakemake/locks/*.lock")):
        return ""
    return LOCKED.format(unlock=shlex.join(["peftport", "--unlock", *(["--directory", str(folder)] if folder else [])]))


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


SUBCOMMANDS = {"plan": plan, "verify": verify}


def main() -> None:
    """Entry of the ``peftport`` command."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        raise SystemExit(0)
    for name, subcommand in SUBCOMMANDS.items():
        if arguments[:1] == [name]:
            raise SystemExit(subcommand(arguments[1:]))
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    status = subprocess.call(command(arguments), env=environment)
    if status and (message := free(arguments)):
        print(message, file=sys.stderr)
    raise SystemExit(status)
