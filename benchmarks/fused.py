"""Steps of several modules together on a CPU, one thread: what is gained, by host and technique.

python -m benchmarks.fused [--hosts bundled,small] [--techniques lora,adapters] [--members 1,2,4,8] [--steps 10]

Processor time, so that other programs on the machine count less. Writes ``benchmarks/results/<date>-fused-cpu.md``.
On a CPU studies train one module at a time nevertheless, so that a seed gives the same in any company; this says what
that costs.
"""

import argparse
from typing import Any

import torch
import yaml

from benchmarks.measured import RESULTS, write_results
from benchmarks.steps import RECIPE, machine, random_host, random_task, table, time_steps
from peftport.compute.device import load_host
from peftport.hosts.locate import bundled_folder
from peftport.injection.attach import attach, detach
from peftport.paths import CHECKOUT
from peftport.study.config import check_config

SMALL = {"d_model": 512, "d_kv": 64, "d_ff": 1024, "num_layers": 6, "num_decoder_layers": 6, "num_heads": 8}
SMALL |= {"vocab_size": 32128}
HOSTS = {
    "bundled": lambda: load_host(bundled_folder("reviews-raw"), "float32"),
    "small": lambda: random_host(SMALL, torch.device("cpu"), torch.float32),
}


def settings() -> dict[str, Any]:
    """The techniques of the default study."""
    return check_config(yaml.safe_load((CHECKOUT / "config/config.yaml").read_text(encoding="utf-8")))["techniques"]


def measure(host_name: str, techniques: list[str], members: list[int], steps: int) -> list[dict[str, Any]]:
    """One row per technique and number of members."""
    host, rows = HOSTS[host_name](), []
    task, data = random_task(host.config.vocab_size)
    for technique in techniques:
        model, alone = attach(host, technique, settings()[technique], seed=0), None
        for number in members:
            found = time_steps(model, task, data, number, RECIPE, steps)
            each = found.cpu_seconds / number
            alone = alone or each
            rows.append(
                {
                    "host": host_name,
                    "technique": technique,
                    "members": number,
                    "ms per step": f"{1000 * found.cpu_seconds:.1f}",
                    "ms per step and member": f"{1000 * each:.1f}",
                    "gain": f"x{alone / each:.2f}",
                    "padding": f"{found.padding:.0%}",
                }
            )
            print(" ".join(map(str, rows[-1].values())), flush=True)
        host = detach(model)
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", default="bundled,small")
    parser.add_argument("--techniques", default="adapters,compacter,lora,prefix_tuning")
    parser.add_argument("--members", default="1,2,3,4,8")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--out", type=type(RESULTS), default=RESULTS)
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    where, members = machine(torch.device("cpu")), [int(number) for number in given.members.split(",")]
    rows = [
        row
        for host in given.hosts.split(",")
        for row in measure(host, given.techniques.split(","), members, given.steps)
    ]
    said = f"{where}. Processor time of one optimiser step of all members, batch 32, prompts of 33 tokens on average."
    text = f"# Modules together on a CPU\n\n{said}\n\n{table(rows)}\n"
    print(f"written: {write_results('fused-cpu', text, given.out)}")


if __name__ == "__main__":
    main()
