"""``peftport verify``: whether the files of a study are what they were."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from peftport.commands.help import command_parser, of_a_study
from peftport.study.config import ConfigError

WRONG = 2
STATUS = "0 all is well; 1 something is wrong with a file; 2 the command or the config is wrong"


def verify(arguments: Sequence[str]) -> int:
    """Verify a study that has run; returns the exit status, 1 where something is wrong, 2 where the config is."""
    from peftport.planning.manifest import ManifestError
    from peftport.planning.verify_command import verify_against, verify_with_config  # pandas, which a run needs not

    chosen = parser().parse_args(arguments)
    try:
        return verify_against(chosen) if chosen.against else verify_with_config(chosen)
    except (ConfigError, ManifestError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return WRONG


def parser() -> argparse.ArgumentParser:
    """What it takes."""
    what = "Whether every file of a study that has run is whole, in its place and up to date."
    made = command_parser("verify", what, STATUS)
    of_a_study(made)
    made.add_argument("--json", action="store_true", help="for machines")
    kinds = made.add_mutually_exclusive_group()
    kinds.add_argument("--repair", action="store_true", help="set aside what is wrong, so that a run makes it again")
    kinds.add_argument("--manifest", metavar="FILE", type=Path, help="write the names, digests and keys of all files")
    kinds.add_argument("--against", metavar="FILE", type=Path, help="hold files against a manifest; no config")
    return made
