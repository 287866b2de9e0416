"""``peftport``: run the workflow that ships with the package, in any folder.

peftport [snakemake options]     the default study, or the one given by --configfile
"""

import os
import subprocess
import sys

from peftport.pipeline import pipeline_root

ENOUGH = ("--cores", "-c", "--jobs", "-j", "--executor", "-e", "--workflow-profile", "--profile")


def command(arguments: list[str]) -> list[str]:
    """The snakemake command for these arguments; all cores unless they say otherwise."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(pipeline_root() / "Snakefile")]
    said = any(argument.split("=")[0] in ENOUGH or argument[:2] in ("-c", "-j") for argument in arguments)
    return [*start, *([] if said else ["--cores", "all"]), *arguments]


def main() -> None:
    """Entry of the ``peftport`` command."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(__doc__)
        raise SystemExit(0)
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    raise SystemExit(subprocess.call(command(arguments), env=environment))
