"""``peftport``: the first word says the command; without one, the workflow runs with Snakemake's options."""

import sys
from importlib.metadata import version

from peftport import __version__
from peftport.commands.help import help_text
from peftport.commands.table import COMMANDS


def main() -> None:
    """Entry of the ``peftport`` command."""
    first, *rest = sys.argv[1:] or [""]
    if first in ("-h", "--help", "help"):
        print(help_text(), end="")
        raise SystemExit(0)
    if first == "--version":
        print(f"peftport {__version__} (snakemake {version('snakemake')})")
        raise SystemExit(0)
    if first in COMMANDS:
        raise SystemExit(COMMANDS[first].call(rest))
    raise SystemExit(COMMANDS["run"].call(sys.argv[1:]))
