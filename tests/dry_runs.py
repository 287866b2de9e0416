"""Snakemake's command line in a process that is forked from one which has imported it: a dry run costs half as much.

Everything that a study's workflow imports of the library is imported anew each time. Studies whose jobs run are
started as a user starts them (``tests.studies.run``).
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# what a dry run imports beside the library, which may be another checkout's
PRELOADED = ["snakemake.cli", "snakemake.dag", "numpy", "pandas", "scipy.stats", "pyarrow.parquet", "pydantic", "yaml"]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(PRELOADED)


def _main(arguments: list[str], environment: dict[str, str], printed: str) -> None:
    """Run snakemake's command line here; output and errors go to the file ``printed``."""
    os.environ.clear()
    os.environ.update(environment)
    with open(printed, "w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.argv = ["snakemake", *arguments]
    from snakemake.cli import main

    try:
        main()
    finally:
        atexit._run_exitfuncs()  # a process of multiprocessing ends without


def snakemake(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    """Run snakemake with these arguments to its end; output and errors together in ``stdout``."""
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "printed"
        process = CONTEXT.Process(target=_main, args=(arguments, environment, str(printed)))
        process.start()
        process.join()
        return subprocess.CompletedProcess(arguments, process.exitcode, printed.read_text())
