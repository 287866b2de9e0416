"""How large controls are beside the ported module, in the target host of a finished study.

python -m benchmarks.controls results/demo [--config config/config.yaml]

For every technique, transfer and seed: what `sampled` and `matched` add to the outputs of sites (root mean square over
training texts of the target dataset, each in the host with the whole module) over what the ported module adds, as the
mean over sites; how often the host was run for a matched start, and its seconds. Writes
``benchmarks/results/<date>-controls.md``.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml

from benchmarks.measured import RESULTS, machine, write_results
from peftport.matching.added import groups, measure
from peftport.matching.starts import Fitting
from peftport.porting.start import make_start
from peftport.stages.extract_modules import modules_of
from peftport.stages.sections import task
from peftport.storage.modules import Module, read_module
from peftport.study.config import read_settings
from peftport.study.entries import Source
from peftport.study.grid_settings import PairSettings
from peftport.study.study import Study
from peftport.techniques.output import ADDED, Output
from peftport.techniques.table import method

# LoRA is matched by the norm of its product; what it adds to outputs is linear in B
LORA = Output(ADDED, lambda layer, adapter: [layer.lora_B[adapter].weight])


def sizes(fitting: Fitting, module: Module) -> np.ndarray:
    """What a module adds at every site of the host, root mean square."""
    output = method(module.card["technique"]).OUTPUT
    output = output if output.measure == ADDED else LORA
    model = fitting.put(module)
    return np.asarray(
        [one.root_mean_square for one in measure(model, groups(model, output), output.neutral, fitting.batches)]
    )


def rows(study: Study, folder: Path, technique: str, transfer: PairSettings, dataset: PairSettings) -> list[dict]:
    """One row per seed."""
    target, name = transfer.target, dataset.target
    asked = task(study, name)
    host = folder / "hosts" / target
    prompts = host / "prompts" / name / "train.parquet"
    fitting = Fitting(host / "host.json", prompts, asked)
    found = []
    for block, seed in [(block, seed) for block, seeds in study.blocks.items() for seed in seeds]:
        modules = modules_of(study, Source(technique, transfer.source, dataset.source, block))
        module = read_module(folder / modules.stage.path(modules.name) / f"seed-{seed}")
        ported = sizes(fitting, module)
        sampled = sizes(fitting, make_start("sampled", module, fitting.card, seed)) / ported
        began = time.monotonic()
        matched = make_start("matched", module, fitting.card, seed, fit=fitting)
        seconds = time.monotonic() - began
        reached = sizes(fitting, matched) / ported
        said = matched.card["matching"]
        drawn = np.mean([one["before"] / one["ported"] for one in said["sites"]])
        found.append(
            {
                "technique": technique,
                "transfer": f"{transfer.source} -> {target}",
                "seed": seed,
                "sampled": sampled.mean(),
                "sampled, least": sampled.min(),
                "sampled, most": sampled.max(),
                "matched": reached.mean(),
                "matched, least": reached.min(),
                "matched, most": reached.max(),
                "draw, by its measure": drawn,
                "passes": said["passes"],
                "converged": said["converged"],
                "seconds": seconds,
            }
        )
        print(found[-1], flush=True)
    return found


def table(frame: pd.DataFrame) -> list[str]:
    """A table in Markdown."""
    shown = [[f"{one:.3f}" if isinstance(one, float) else str(one) for one in row] for row in frame.values.tolist()]
    heads = list(frame.columns)
    return [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *shown)]


def page(frame: pd.DataFrame, began: str) -> str:
    """Markdown: means per technique, then every start."""
    means = frame.groupby("technique", sort=False)[["sampled", "matched", "passes", "seconds"]].mean().reset_index()
    lines = [
        "# How large controls are beside the ported module\n",
        f"Machine: {began}; 1 thread.\n",
        "What a control adds to the outputs of its sites over what the ported module adds there (root mean square, in "
        "the target host, on the first 128 training texts), mean over sites; least and most are over sites. `matched` "
        "is fitted to within 0.02 of 1 at every site; for LoRA it has the Frobenius norm of BA, and not the root mean "
        "square, of the ported module. `draw, by its measure` is what `matched` was before it was scaled, for LoRA by "
        "that norm.\n",
        "## Per technique, mean over transfers and seeds\n",
        *table(means),
        "\n## Every start\n",
        *table(frame),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure every start and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="results of a finished study")
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the page")
    chosen, began = parser.parse_args(arguments), machine()
    torch.set_num_threads(1)
    study = Study(read_settings(yaml.safe_load(chosen.config.read_text(encoding="utf-8"))))
    found = [
        row
        for technique in study.grid.techniques
        for transfer in study.grid.transfers
        for pair in study.grid.dataset_pairs
        for row in rows(study, chosen.folder, technique, transfer, pair)
    ]
    print(write_results("controls", page(pd.DataFrame(found), began), chosen.results))


if __name__ == "__main__":
    main()
