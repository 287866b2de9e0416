"""``peftport plan``: what a study asks for, before anything runs."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from peftport.commands.help import Lines, epilog
from peftport.planning.dry_run import DryRunError
from peftport.planning.plan import make_plan
from peftport.planning.plan_text import plan_text
from peftport.study.config import ConfigError

WRONG = 2
STATUS = "0 planned; 2 the config is wrong"


def plan(arguments: Sequence[str]) -> int:
    """Print the plan of a study; returns the exit status, 2 where the config is wrong."""
    chosen = parser().parse_args(arguments)
    try:
        planned = make_plan(chosen.config, chosen.directory)
    except (ConfigError, DryRunError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG
    print(json.dumps(asdict(planned), indent=2) if chosen.json else plan_text(planned), end="\n" if chosen.json else "")
    return 0


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "What a study asks for, before anything runs: runs, jobs, steps, downloads, and what is up to date already."
    made = argparse.ArgumentParser(
        "peftport plan", description=what, epilog=epilog("plan", STATUS), formatter_class=Lines
    )
    made.add_argument("config", nargs="*", type=Path, help="config files, merged in order; else the default study")
    made.add_argument("--directory", "-d", type=Path, default=Path(), help="where results/ lies; else this folder")
    made.add_argument("--json", action="store_true", help="for machines, with every job that is made again")
    return made
