"""A slice of a study both ways, by the workflow and by the rival, in turn: accuracies, time, and their ratio.

python -m benchmarks.study [--config FILE] [--techniques A,B] [--transfers 1] [--seeds 0,1,2] [--repetitions 2]

Hosts and datasets are made beforehand and count for neither side. The slice has all budgets of the study and those of
its initialisations that the rival knows; the ratio is then extrapolated to the whole study. Writes
``benchmarks/results/<date>-study.md``.
"""

import argparse
import copy
import shutil
import tempfile
from pathlib import Path

import yaml

from benchmarks.comparison import accuracy_table, read_accuracies
from benchmarks.jobs import rival_jobs, script_commands
from benchmarks.measured import Cost, machine, measure, run, snakemake, write_results
from benchmarks.rival.run import STARTS
from benchmarks.whole_study import extrapolated
from peftport.paths import pipeline_root
from peftport.study.config import check_config
from peftport.study.settings import StudySettings
from peftport.study.study import Study


def slice_of(config: dict, techniques: list[str], transfers: int, seeds: list[int]) -> dict:
    """A config with fewer techniques, transfers and seeds, and no initialisation that the rival does not know."""
    part, grid = copy.deepcopy(config), config["grid"]
    part["study"] = "slice"
    part["grid"] |= {"techniques": techniques, "transfers": grid["transfers"][:transfers], "seeds": seeds}
    part["grid"]["initialisations"] = [kind for kind in grid["initialisations"] if kind in STARTS]
    return part


def prepare(part: dict, folder: Path, cores: int) -> Path:
    """Make the hosts and datasets of the slice, which both sides are given."""
    path = folder / "slice.yaml"
    path.write_text(yaml.safe_dump(part, sort_keys=False), encoding="utf-8")
    study = Study(StudySettings.model_validate(part))
    wanted = [f"results/slice/hosts/{host}/card.json" for host in study.hosts]
    wanted += [f"results/slice/datasets/{name}/train.parquet" for name in study.datasets]
    given = folder / "given"
    given.mkdir()
    run(snakemake(given, path, "--cores", str(cores), *wanted), folder, folder / "log.txt")
    return given


def by_workflow(given: Path, folder: Path, config: Path, cores: int) -> Cost:
    """The slice by the workflow, in a new folder."""
    shutil.copytree(given, folder)
    return measure([snakemake(folder, config, "--cores", str(cores))], 1, folder, folder.parent / "log.txt")


def by_rival(study: Study, given: Path, folder: Path, cores: int) -> tuple[dict[str, Cost], Cost]:
    """The slice by the rival: one process per source module, then one per run.

    Returns:
        The cost by kind of script, and in all.
    """
    folder.mkdir()
    log = folder.parent / "log.txt"
    costs = {
        kind: measure(script_commands(kind, jobs, folder), cores, folder, log)
        for kind, jobs in rival_jobs(study, given, folder).items()
    }
    return costs, Cost(sum(one.wall for one in costs.values()), sum(one.cpu for one in costs.values()))


def main() -> None:
    """Run the repetitions and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=pipeline_root() / "config/config.yaml")
    parser.add_argument("--techniques", default="lora,prefix_tuning")
    parser.add_argument("--transfers", type=int, default=1)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--results", type=Path, default=None, help="folder of the page; else benchmarks/results")
    chosen = parser.parse_args()
    config = check_config(yaml.safe_load(chosen.config.read_text(encoding="utf-8")))
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    part = slice_of(config, chosen.techniques.split(","), chosen.transfers, seeds)
    study, whole = (Study(StudySettings.model_validate(grid)) for grid in (part, config))
    began = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given, ours, theirs, kinds = prepare(part, folder, chosen.cores), [], [], []
        for repetition in range(chosen.repetitions):
            for side in ("ours", "rival") if repetition % 2 == 0 else ("rival", "ours"):
                place = folder / f"{side}-{repetition}"
                if side == "ours":
                    ours.append(by_workflow(given, place, folder / "slice.yaml", chosen.cores))
                else:
                    by_kind, in_all = by_rival(study, given, place, chosen.cores)
                    kinds.append(by_kind)
                    theirs.append(in_all)
                print(f"repetition {repetition}, {side}: {(ours if side == 'ours' else theirs)[-1]}", flush=True)
        text = "\n".join(
            [
                f"# {study.runs} runs of `{config['study']}` by the workflow and by one process per run\n",
                f"Machine: {began}. {chosen.cores} jobs at a time, one thread each.",
                f"Slice: {chosen.techniques}; {chosen.transfers} transfer(s); seeds {chosen.seeds}; "
                f"{', '.join(study.grid.initialisations)}; all budgets; hosts and datasets were given to "
                "both.\n",
                extrapolated(study, whole, ours, theirs, kinds, folder / "ours-0"),
                accuracy_table(read_accuracies(study, folder / "ours-0", folder / "rival-0")),
            ]
        )
    print(text)
    print(write_results("study", text, *([chosen.results] if chosen.results else [])))


if __name__ == "__main__":
    main()
