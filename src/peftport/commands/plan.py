"""``peftport plan``: what a study asks for, before anything runs."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from peftport.commands.help import command_parser, of_a_study
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
    made = command_parser("plan", what, STATUS)
    of_a_study(made)
    made.add_argument("--json", action="store_true", help="for machines, with every job that is made again")
    return made
