"""One cell of a host of T5-small shape, five seeds: the workflow against the rival's run for every seed and budget.

python -m benchmarks.cell [--technique lora] [--budgets 0,25,100] [--shape 512,6]

The host has random weights (d_model 512, 6 + 6 layers, 32,128 tokens). Both sides are measured with few steps at two
settings; what a further step costs follows from the difference, and the cell with its true budgets from that. Writes
``benchmarks/results/<date>-cell.md``.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from benchmarks.jobs import rival_jobs, script_commands
from benchmarks.measured import Cost, machine, measure, snakemake, write_results
from benchmarks.study import prepare
from peftport.hosts.locate import bundled_folder
from peftport.jobs.fork_server import PRELOADED
from peftport.stages.evaluate_cell import EvaluateCell
from peftport.study.config import check_config
from peftport.study.settings import StudySettings
from peftport.study.study import Study

SHORT, LONGER = [0, 2, 4], [0, 4, 12]
SEEDS = [0, 1, 2, 3, 4]
SPLITS = {"train": 2000, "validation": 32, "test": 200}


def save_host(folder: Path, width: int, layers: int) -> None:
    """A host of the T5 v1.1 kind with random weights and a bundled host's tokenizer, in the hub's format."""
    import torch
    from peftport.hosts.recipes.t5 import FACTS

    from benchmarks.steps import random_host

    stacks = {"num_layers": layers, "num_decoder_layers": layers}
    shape = {"vocab_size": 32128, "d_model": width, "d_kv": 64, "d_ff": 2 * width, "num_heads": width // 64} | stacks
    random_host(shape, torch.device("cpu"), torch.float32).save_pretrained(folder)
    facts = json.loads((folder / "config.json").read_text()) | FACTS
    (folder / "config.json").write_text(json.dumps(facts))
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bundled_folder("reviews-raw") / file, folder / file)


def cell_config(host: Path, technique: str, budgets: list[int]) -> dict:
    """A study of one cell (``scratch``, so that no source module is needed), without references."""
    base = yaml.safe_load((Path(__file__).parents[1] / "config/config.yaml").read_text(encoding="utf-8"))
    source = {"generated": {"domain": "film", **SPLITS}}
    grid = {
        "techniques": [technique],
        "transfers": [{"source": "other", "target": "small"}],
        "initialisations": ["scratch"],
        "budgets": budgets,
        "seeds": [SEEDS],  # one job
        "references": [],
    }
    return check_config(
        base
        | {
            "study": "slice",
            "hosts": {"small": {"path": str(host)}, "other": {"bundled": "reviews-raw"}},
            "datasets": {"film": base["datasets"]["film"] | {"source": source}},
            "grid": base["grid"] | grid,
        }
    )


def both_ways(host: Path, technique: str, budgets: list[int], folder: Path, cores: int) -> tuple[Cost, Cost]:
    """The cell by the workflow and by the rival, with these budgets."""
    folder.mkdir()
    config = cell_config(host, technique, budgets)
    study, log = Study(StudySettings.model_validate(config)), folder / "log.txt"
    given = prepare(config, folder, cores)
    (cell,) = study.cells
    target = f"results/slice/{EvaluateCell(**vars(cell)).path('scores')}"
    options = ["--set-threads", f"evaluate_cell={cores}", "--cores", str(cores)]  # one job: all cores are its own
    ours = measure([snakemake(given, folder / "slice.yaml", *options, target)], 1, folder, log)
    runs = rival_jobs(study, given, folder)["run"]
    return ours, measure(script_commands("run", runs, folder), cores, folder, log)


def arithmetic(name: str, costs: list[float], steps: list[int], wanted: int) -> tuple[float, str]:
    """From two measurements to the cell with its true budgets: seconds, and the sum in words."""
    step = (costs[1] - costs[0]) / (steps[1] - steps[0])
    total = costs[0] + (wanted - steps[0]) * step
    shown = f"{name}: ({costs[1]:.1f} - {costs[0]:.1f}) s / ({steps[1]} - {steps[0]}) steps = {step:.3f} s a step; "
    return total, shown + f"{costs[0]:.1f} + ({wanted} - {steps[0]}) x {step:.3f} = {total:.0f} s"


def memory(given: Path, host: Path) -> str:
    """The largest memory of the cell's job: what a process takes that only imports, the host, and the rest."""
    (file,) = (given / "results/slice/benchmarks/evaluate_cell").rglob("*.tsv")
    peak = pd.read_csv(file, sep="\t")["peak_mebibytes"].item()
    # not ru_maxrss, which begins with what this process took
    read = f"import {', '.join(PRELOADED)}; print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    base = int(subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=True).stdout) / 1024
    weights = sum(path.stat().st_size for path in host.glob("*.safetensors")) / 2**20
    return (
        f"Memory of the job, at its largest: {peak:.0f} MiB = {base:.0f} MiB of a process with the libraries alone "
        f"+ {weights:.0f} MiB of the host's weights + {peak - base - weights:.0f} MiB for a module, its optimiser, "
        f"and what a step keeps; without the libraries {(peak - base) / weights:.2f} times the host."
    )


def page(technique: str, budgets: list[int], measured: list[tuple[Cost, Cost]], began: str, shape: str) -> str:
    """Markdown: both measurements, the arithmetic, the ratio."""
    lines = [
        "# One cell, five seeds\n",
        f"Machine: {began}. {technique}, host of shape {shape} (width, layers a stack) with random weights, "
        f"{len(SEEDS)} seeds, {SPLITS['test']} test examples, batches of 32.\n",
        "| budgets | ours, wall s | rival, wall s | ours, CPU s | rival, CPU s |",
        "|---|---|---|---|---|",
    ]
    for some, (ours, rival) in zip((SHORT, LONGER), measured, strict=True):
        lines.append(f"| {some} | {ours.wall:.1f} | {rival.wall:.1f} | {ours.cpu:.1f} | {rival.cpu:.1f} |")
    for kind in ("wall", "cpu"):
        sides = zip(("ours", "rival"), (max, sum), zip(*measured, strict=True), strict=True)
        totals = []
        for side, steps, costs in sides:
            seen = [getattr(cost, kind) for cost in costs]
            taken = [len(SEEDS) * steps(some) for some in (SHORT, LONGER)]
            total, shown = arithmetic(f"{kind}, {side}", seen, taken, len(SEEDS) * steps(budgets))
            totals.append(total)
            lines.append(f"\n{shown}.")
        lines.append(f"\n**Ratio of {kind} time with budgets {budgets}: {totals[1] / totals[0]:.2f}.**")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure twice and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--technique", default="lora")
    parser.add_argument("--budgets", default="0,25,100")
    parser.add_argument("--shape", default="512,6", help="width and layers a stack")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--results", type=Path, default=None, help="folder of the page; else benchmarks/results")
    chosen = parser.parse_args()
    budgets, began = [int(budget) for budget in chosen.budgets.split(",")], machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_host(folder / "host", *map(int, chosen.shape.split(",")))
        measured = [
            both_ways(folder / "host", chosen.technique, some, folder / str(max(some)), chosen.cores)
            for some in (SHORT, LONGER)
        ]
        held = memory(folder / str(max(LONGER)) / "given", folder / "host")
    text = f"{page(chosen.technique, budgets, measured, began, chosen.shape)}\n{held}\n"
    print(text)
    print(write_results("cell", text, *([chosen.results] if chosen.results else [])))


if __name__ == "__main__":
    main()
