"""``peftport completion``: what makes a shell complete the commands, by shtab."""

import argparse
from collections.abc import Sequence

import shtab

from peftport.commands.help import command_parser
from peftport.commands.table import COMMANDS

STATUS = "0 printed"
FILES = ("FILE", "DIR", "ADAPTER", "HOST", "NEW", "OLD", None)  # metavars of options whose value is a path


def completion(arguments: Sequence[str]) -> int:
    """Print the completion of a shell; returns the exit status."""
    print(shtab.complete(everything(), parser().parse_args(arguments).shell))
    return 0


def everything() -> argparse.ArgumentParser:
    """One parser of all commands, where paths are completed as files."""
    whole = argparse.ArgumentParser("peftport")
    whole.add_argument("--version", action="store_true", help="ours and Snakemake's")
    commands = whole.add_subparsers()
    for name, command in COMMANDS.items():
        one = command.parser()
        for action in one._actions:
            if action.nargs != 0 and action.metavar in FILES and action.choices is None:
                action.complete = shtab.FILE
        commands.add_parser(name, parents=[one], add_help=False, help=command.summary)
    return whole


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "Print a script that makes your shell complete peftport's commands and options."
    made = command_parser("completion", what, STATUS)
    made.add_argument("shell", choices=shtab.SUPPORTED_SHELLS, help="which")
    return made
