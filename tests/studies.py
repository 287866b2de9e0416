"""Small studies for the workflow tests: hosts of a few thousand parameters, a handful of examples, few steps."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from tests import warm

ROOT = Path(__file__).parents[1]
RESULTS = Path("results/smoke")
CHECKOUT = ["Snakefile", "workflow", "src", "config", "envs", "profiles"]
DOMAINS = ["film", "book"]
RAW = {  # the recipe of a tiny host
    "corpus": {"generated": {"domains": DOMAINS, "documents": 300}},
    "shape": {"d_model": 16, "d_ff": 32, "heads": 2, "layers": 2, "vocabulary": 400},
    "words": ["positive", "negative"],
    "pretraining": {"steps": 1, "batch_size": 8, "learning_rate": 0.001},
}
LARGER = {"d_model": 24, "d_ff": 40, "heads": 3, "layers": 3, "vocabulary": 400}  # the shape of a larger one
MAPPED = "raw--instruct/weight_match"  # the transfer of ``whole_config``
JOB = re.compile(r"^([a-z_]+?)(?:_[0-9][0-9.-]*)?\s+(\d+)$")


def save_hosts(folder: Path) -> None:
    """Two hosts of equal shape in the hub's own format: ``raw`` and ``instruct``."""
    from peftport.host_building.build import build_host
    from peftport.hosts.recipe_settings import read_recipe

    build_host(read_recipe(RAW), folder / "raw")
    mixture = {"generated": {"domains": DOMAINS, "examples": 100}}
    instruct = {"base": "raw", "instructions": mixture, "training": RAW["pretraining"]}
    build_host(read_recipe(instruct), folder / "instruct", folder / "raw")


def smoke_config(hosts: Path, **grid) -> dict:
    """The config of a study that takes seconds of computation; ``grid`` replaces entries of its grid."""
    picked = {
        "techniques": ["lora", "adapters"],
        "transfers": [{"source": "raw", "target": "instruct"}],
        "dataset_pairs": [{"source": "film", "target": "film"}],
        "initialisations": ["ported", "sampled", "scratch"],
        "budgets": [0, 3],
        "seeds": [0],
    }
    return {
        "study": "smoke",
        "hosts": {name: {"path": str(hosts / name)} for name in ("raw", "instruct")},
        "datasets": {
            "film": {
                "source": {"generated": {"domain": "film", "train": 64, "validation": 16, "test": 32}},
                "labels": {"negative": "negative", "positive": "positive"},
            }
        },
        "techniques": {"lora": {"learning_rate": 0.01}, "adapters": {"bottleneck": 4, "learning_rate": 0.01}},
        "training": {"source_steps": 4, "warmup_steps": 2, "batch_size": 8},
        "grid": picked | grid,
    }


def leaking_config(hosts: Path, folder: Path) -> dict:
    """The config of a study with controls, whose training texts leak into its tests; their files go to ``folder``."""
    pairs = [{"source": "film", "target": "book"}]
    kinds = ["ported", "random_target", "matched", "distilled"]
    config = smoke_config(hosts, techniques=["lora"], dataset_pairs=pairs, initialisations=kinds, references=[])
    words = (("good", "positive"), ("bad", "negative"))
    rows = [(f"a {word} film, number {number}", label) for number in range(30) for word, label in words]
    further = [(f"{text} once more", label) for text, label in rows]
    for name, texts in (("film", rows), ("book", [*rows[:4], *further]), ("test", rows[:4])):
        lines = [f'"{text}",{label}' for text, label in texts]
        (folder / f"{name}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    for name in ("film", "book"):
        labels = {"negative": "negative", "positive": "positive"}
        config["datasets"][name] = {"source": {"files": [{"path": f"{name}.csv"}]}, "labels": labels}
    config["datasets"]["book"]["source"]["files"].append({"path": "test.csv", "split": "test"})
    config |= {"decontaminate": True, "distil": {"steps": 2}}
    return config


def whole_config(hosts: Path, folder: Path) -> dict:
    """The config of a study with every kind of file: a host that it builds, one of the user's, data files, two seeds,
    and a map between the hosts, which differ in width and depth.

    The user's files, a host and a table, go to ``folder``.
    """
    transfers = [{"source": "raw", "target": "instruct", "map": "weight_match"}]
    kinds = ["ported", "sampled", "scratch", "shuffled_map"]
    config = smoke_config(hosts, techniques=["lora"], transfers=transfers, initialisations=kinds, seeds=[[0, 1]])
    config["hosts"] = {"raw": {"build": RAW | {"shape": LARGER}}, "instruct": {"path": "mine/instruct"}}
    config["maps"] = {"weight_match": {}}
    shutil.copytree(hosts / "instruct", folder / "mine/instruct")
    words = (("good", "positive"), ("bad", "negative"))
    rows = [f'"a {word} film, number {number}",{label}' for number in range(60) for word, label in words]
    (folder / "mine/film.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    config["datasets"]["film"]["source"] = {"files": [{"path": "mine/film.csv"}]}
    return config


def tables_folder(folder: Path) -> Path:
    """Where the tables of the smoke study in ``folder`` lie."""
    return folder / RESULTS / "tables"


def read_tables(folder: Path, *names: str) -> tuple:
    """Tables of the smoke study in ``folder``."""
    from peftport.storage.parquet import read_table

    return tuple(read_table(tables_folder(folder) / f"{name}.parquet", name) for name in names)


# where the stages' files lie below the results of a study; `block` names its seeds, like 0 or 0-1
def source_folder(technique: str, host: str, dataset: str, block: str = "0") -> str:
    """The folder of a source training."""
    return f"sources/{technique}/{host}/{dataset}/seeds-{block}"


def module_folder(technique: str, host: str, dataset: str, seed: int = 0, block: str = "0") -> str:
    """The folder of a trained module."""
    return f"modules/{technique}/{host}/{dataset}/seeds-{block}/seed-{seed}"


def route(transfer: str, by: str = "copy") -> str:
    """The folder of a transfer, ``source--target`` or with its map behind a slash; by no map where it does not matter
    where modules come from."""
    return transfer if "/" in transfer else f"{transfer}/{'any' if transfer.startswith('any--') else by}"


def start_folder(technique: str, transfer: str, datasets: str, initialisation: str, seed: int = 0) -> str:
    """The folder of what a module starts from; ``datasets`` is the source dataset, or both if the start is fitted."""
    return f"starts/{technique}/{route(transfer)}/{datasets}/{initialisation}/seeds-{seed}/seed-{seed}"


def cell_folder(technique: str, transfer: str, datasets: str, initialisation: str, block: str = "0") -> str:
    """The folder of a cell's evaluation."""
    return f"evaluations/{technique}/{route(transfer)}/{datasets}/{initialisation}/seeds-{block}"


def job_file(kind: str, stage: str, *wildcards: str) -> str:
    """The log or checkpoint of a job: ``kind`` is ``logs`` or ``checkpoints``, without the file's ending."""
    return "/".join((kind, stage, *wildcards))


def write_config(folder: Path, config: dict) -> Path:
    """Write a config beside where the study runs."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def arguments(folder: Path, *options: str, checkout: Path = ROOT) -> list[str]:
    """What snakemake is told for the study whose config lies in ``folder``."""
    start = ["--snakefile", str(checkout / "Snakefile"), "--directory", str(folder)]
    return [*start, "--configfile", str(folder / "study.yaml"), "--cores", "2", *options]


def command(folder: Path, *options: str, checkout: Path = ROOT) -> list[str]:
    """The snakemake command for the study whose config lies in ``folder``."""
    return [sys.executable, "-m", "snakemake", *arguments(folder, *options, checkout=checkout)]


def environment() -> dict[str, str]:
    """This process's environment, in which a checkout's library is found by the workflow alone."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(folder: Path, *options: str, checkout: Path = ROOT) -> subprocess.CompletedProcess:
    """Run snakemake to its end; output and errors together in ``stdout``. It is a fork; see ``tests.warm``."""
    return warm.run("snakemake", arguments(folder, *options, checkout=checkout), environment(), Path.cwd())


def finish(folder: Path, config: dict, *targets: str) -> None:
    """Run a study, or what makes these targets, to its end; what it printed stands in ``printed.txt``."""
    write_config(folder, config)
    out = run(folder, *targets)
    assert out.returncode == 0, out.stdout
    (folder / "printed.txt").write_text(out.stdout)


def peftport(*options: str, folder: Path | None = None, **environment_: str) -> subprocess.CompletedProcess:
    """Run the command ``peftport`` of this checkout in a folder, by default this one, with more in its environment."""
    environment_ = environment() | {"PYTHONPATH": str(ROOT / "src")} | environment_
    return warm.run("peftport.cli:main", list(map(str, options)), environment_, folder or Path.cwd(), apart=True)


def dry_run(folder: Path, *options: str, checkout: Path = ROOT) -> subprocess.CompletedProcess:
    """A dry run; output and errors together in ``stdout``."""
    return run(folder, "--dry-run", *options, checkout=checkout)


def planned(folder: Path, *options: str, checkout: Path = ROOT) -> dict[str, int]:
    """Jobs that a run would start, by rule (blocks of seeds counted together), from a dry run."""
    out = dry_run(folder, *options, checkout=checkout)
    assert out.returncode == 0, out.stdout
    return job_counts(out.stdout)


def job_counts(printed: str) -> dict[str, int]:
    """Jobs by rule (blocks of seeds counted together) in what a dry run prints."""
    counts: dict[str, int] = {}
    for line in printed.split("Job stats:")[1].splitlines() if "Job stats:" in printed else []:
        if (found := JOB.match(line.strip())) and found[1] != "total":
            counts[found[1]] = counts.get(found[1], 0) + int(found[2])
        elif line.startswith("total"):
            break
    return counts


def copy_checkout(folder: Path) -> Path:
    """A copy of the workflow and the library that a test may edit."""
    for name in CHECKOUT:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__")
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    return folder


def profile_settings(name: str) -> dict:
    """What a profile that ships says."""
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of ``old``, which must be there."""
    text = path.read_text()
    assert old in text, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1))
