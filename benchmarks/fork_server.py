"""What the fork server saves of a small study: the smoke study of the tests with it and without it, in turns.

python -m benchmarks.fork_server [--repetitions 3] [--cores 2]

Each repetition runs the whole study twice, in new folders: by the fork server and, with ``PEFTPORT_FORK_SERVER=0``,
with one process per job that imports everything itself. CPU seconds are of all processes that a run started. Writes
``benchmarks/results/<date>-fork-server.md``.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.measured import Cost, machine, measure, snakemake, write_results
from peftport.jobs.fork_client import WANTED
from tests import studies

SIDES = {"with": "1", "without": "0"}  # to the value of the environment variable


def run_study(hosts: Path, folder: Path, value: str, cores: int) -> Cost:
    """The cost of the whole smoke study in a new folder."""
    config = studies.write_config(folder, studies.smoke_config(hosts))
    command = ["env", f"{WANTED}={value}", *snakemake(folder, config, "--cores", str(cores))]
    return measure([command], 1, folder, folder / "log.txt")


def in_turns(hosts: Path, folder: Path, repetitions: int, cores: int) -> dict[str, list[Cost]]:
    """The costs of both sides, which take turns in who is first."""
    costs: dict[str, list[Cost]] = {side: [] for side in SIDES}
    for repetition in range(repetitions):
        for side in SIDES if repetition % 2 == 0 else reversed(SIDES):
            costs[side].append(run_study(hosts, folder / f"{side}-{repetition}", SIDES[side], cores))
            print(f"repetition {repetition}, {side}: {costs[side][-1]}", flush=True)
    return costs


def page(costs: dict[str, list[Cost]], began: str, cores: int) -> str:
    """Markdown: every repetition, the medians, and what the fork server saves of the median."""
    lines = [
        "# The smoke study with and without the fork server\n",
        f"Machine: {began}. {cores} jobs at a time.\n",
        "| fork server | repetition | wall s | CPU s |",
        "|---|---|---|---|",
    ]
    for side, every in costs.items():
        lines += [f"| {side} | {number} | {cost.wall:.1f} | {cost.cpu:.1f} |" for number, cost in enumerate(every)]
    medians = {
        side: Cost(statistics.median(cost.wall for cost in every), statistics.median(cost.cpu for cost in every))
        for side, every in costs.items()
    }
    lines += [f"| {side} | median | {cost.wall:.1f} | {cost.cpu:.1f} |" for side, cost in medians.items()]
    wall, cpu = (1 - getattr(medians["with"], what) / getattr(medians["without"], what) for what in ("wall", "cpu"))
    lines.append(
        f"\nThe fork server saves {wall:.0%} of the wall time and {cpu:.0%} of the CPU time. It keeps its place where "
        "it saves half of a small study's time or more."
    )
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Run the repetitions and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--results", type=Path, default=None, help="folder of the page; else benchmarks/results")
    chosen, began = parser.parse_args(arguments), machine()
    with tempfile.TemporaryDirectory() as name:
        hosts = Path(name) / "hosts"
        studies.save_hosts(hosts)
        costs = in_turns(hosts, Path(name), chosen.repetitions, chosen.cores)
    text = page(costs, began, chosen.cores)
    print(text)
    print(write_results("fork-server", text, *([chosen.results] if chosen.results else [])))


if __name__ == "__main__":
    main()
