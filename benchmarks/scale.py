"""What planning costs: time and memory of a dry run, and of a run with nothing to do, for studies of growing size.

python -m benchmarks.scale [--cells 1440-runs,5000,20000]

``1440-runs`` is config/studies/portability-2024-tiny.yaml; a number is a generated study with so many cells, each with
five seeds and three budgets. Nothing is trained: the files of a finished study are made empty, and Snakemake is told
that they are its own (``--touch``). Writes ``benchmarks/results/<date>-scale.md``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.measured import ROOT, machine, snakemake, write_results
from peftport.planning.graph import Graph
from peftport.study.config import read_settings
from peftport.study.study import Study

INITIALISATIONS = ["ported", "sampled", "permuted", "norm_matched", "scratch"]
PER_BLOCK = 10 * 2 * len(INITIALISATIONS)  # cells of one technique and one block: 10 transfers, 2 dataset pairs
BLOCKS = 2
NOTHING = "Nothing to be done"


@dataclass(frozen=True)
class Seen:
    """What one command cost (seconds, MiB) and printed."""

    wall: float
    cpu: float
    peak: float
    printed: str


def generated(cells: int) -> dict:
    """The config of a study with so many cells, as long as that is a multiple of 200."""
    hosts = [f"host{number}" for number in range(5)]
    pairs = [(a, b) for a in hosts for b in hosts if a < b]
    dataset = {
        "labels": {"negative": "negative", "positive": "positive"},
        "template": "sentiment: {text}",
    }
    domains = {"film": "film", "book": "book"}
    techniques = [f"lora{number}" for number in range(cells // (PER_BLOCK * BLOCKS))]
    return {
        "study": "scale",
        "hosts": {name: {"bundled": "reviews-raw"} for name in hosts},
        "datasets": {
            name: {"source": {"generated": {"domain": domain, "train": 64, "validation": 16, "test": 32}}} | dataset
            for name, domain in domains.items()
        },
        "techniques": {name: {"method": "lora", "learning_rate": 0.01} for name in techniques},
        "grid": {
            "techniques": techniques,
            "transfers": [{"source": a, "target": b} for a, b in pairs],
            "dataset_pairs": [{"source": "film", "target": "film"}, {"source": "book", "target": "film"}],
            "initialisations": INITIALISATIONS,
            "budgets": [0, 25, 100],
            "seeds": [[5 * block + seed for seed in range(5)] for block in range(BLOCKS)],
        },
    }


def seen(command: list[str], folder: Path) -> Seen:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, cwd=folder, **streams)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{printed[-2000:]}")
    return Seen(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, printed)


def pretend_finished(study: Study, folder: Path) -> int:
    """Make every file that the study asks for, empty and of the same age; returns how many jobs make them."""
    graph, now = Graph(study), time.time() - 60
    for stage in graph.every_stage:
        for name, output in graph.outputs(stage).items():
            path = folder / output
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(exist_ok=True) if name in stage.FOLDERS else path.touch()
            os.utime(path, (now, now))
    return len(graph.every_stage)


def row(name: str, config: dict, folder: Path) -> str:
    """Measure one study; a row of the table."""
    folder.mkdir()
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    study = Study(read_settings(config))
    planned = seen(snakemake(folder, path, "--cores", "2", "--dry-run", "--quiet", "all"), folder)
    number = pretend_finished(study, folder)
    seen(snakemake(folder, path, "--cores", "2", "--touch", "--forceall", "--quiet", "all"), folder)
    again = seen(snakemake(folder, path, "--cores", "2", "--nocolor"), folder)
    if NOTHING not in again.printed:
        raise RuntimeError(f"{name}: something is to be done:\n{again.printed[-2000:]}")
    costs = " | ".join(f"{one.wall:.1f} | {one.cpu:.1f} | {one.peak:.0f}" for one in (planned, again))
    return f"| {name} | {len(study.cells):,} | {study.runs:,} | {number:,} | {costs} |"


def main() -> None:
    """Measure all sizes and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default="1440-runs,5000,20000")
    parser.add_argument("--results", type=Path, default=None, help="folder of the page; else benchmarks/results")
    chosen = parser.parse_args()
    os.environ.pop("PYTHONPATH", None)
    lines = [
        "# What planning a study costs\n",
        f"Machine: {machine()}. {__doc__.splitlines()[0]}\n",
        "| study | cells | runs | jobs | dry run, wall s | CPU s | MiB | nothing to do, wall s | CPU s | MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    tiny = yaml.safe_load((ROOT / "config/studies/portability-2024-tiny.yaml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen.cells.split(","):
            config = tiny if name == "1440-runs" else generated(int(name))
            lines.append(row(name, config, Path(folder) / name))
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print(text)
    print(write_results("scale", text, *([chosen.results] if chosen.results else [])), file=sys.stderr)


if __name__ == "__main__":
    main()
