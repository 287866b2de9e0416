"""What ``peftport --help`` says, and how the help of every command is laid out."""

import argparse
import textwrap
from pathlib import Path

from peftport.commands.table import COMMANDS

HEAD = """\
usage: peftport [COMMAND] [options]
       peftport [snakemake options]

Measure how well the task knowledge in a PEFT module survives the move to another host.
"""
RUN = """\
Without a command it runs a study in this folder, on all cores, and takes Snakemake's options:
  peftport                            the default study
  peftport --configfile study.yaml    a study of your own; the same again goes on where it stopped
  peftport --dry-run                  which jobs would run
  peftport --unlock                   free the folder after a run was killed; a living run's files stay locked
"""
TAIL = """\
First steps, from nothing to a verdict in minutes:
  peftport init study.yaml            asks four questions; Enter takes what stands in brackets
  peftport plan study.yaml
  peftport --configfile study.yaml
  peftport show study.yaml

`peftport COMMAND --help` has the options of a command, `peftport --version` the versions.
"""


class Lines(argparse.RawDescriptionHelpFormatter):
    """Help whose example and exit status keep their lines, and whose description is folded."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in text.splitlines())


def help_text() -> str:
    """The whole help, with the commands by group."""
    width, parts = max(map(len, COMMANDS)), [HEAD]
    for group in dict.fromkeys(command.group for command in COMMANDS.values()):
        lines = [f"  {name:{width}}  {one.summary}" for name, one in COMMANDS.items() if one.group == group]
        parts.append("\n".join([f"{group}:", *lines, ""]))
    return "\n".join([*parts, RUN, TAIL])


def command_parser(name: str, what: str, status: str, add_help: bool = True) -> argparse.ArgumentParser:
    """The parser of a command, with an example and its exit statuses below the options; it takes nothing yet.

    Args:
        name: of the command.
        what: it does.
        status: what its exit status says.
        add_help: whether ``--help`` is one of the options that it takes by itself.
    """
    below = f"example: {COMMANDS[name].example}\n\nexit status: {status}"
    return argparse.ArgumentParser(
        f"peftport {name}", description=what, epilog=below, formatter_class=Lines, add_help=add_help
    )


def of_a_study(parser: argparse.ArgumentParser) -> None:
    """Let a parser take the config of a study, and the folder in which it runs."""
    parser.add_argument("config", nargs="*", type=Path, help="config files, merged in order; else the default study")
    parser.add_argument("--directory", "-d", type=Path, default=Path(), help="where results/ lies; else this folder")
