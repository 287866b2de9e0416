"""Small studies for the workflow tests: hosts of a few thousand parameters, a handful of examples, few steps."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CHECKOUT = ["Snakefile", "workflow", "src", "config", "envs", "profiles"]
JOB = re.compile(r"^([a-z_]+?)(?:_[0-9][0-9.-]*)?\s+(\d+)$")


def save_hosts(folder: Path) -> None:
    """Two hosts of equal shape in the hub's own format: ``raw`` and ``instruct``."""
    from peftport.host_building.build import build_host
    from peftport.hosts.recipe_settings import read_recipe

    domains, words = ["film", "book"], ["positive", "negative"]
    training = {"steps": 1, "batch_size": 8, "learning_rate": 0.001}
    shape = {"d_model": 16, "d_ff": 32, "heads": 2, "layers": 2, "vocabulary": 400}
    corpus = {"generated": {"domains": domains, "documents": 300}}
    raw = {"corpus": corpus, "shape": shape, "words": words, "pretraining": training}
    build_host(read_recipe(raw), folder / "raw")
    mixture = {"generated": {"domains": domains, "examples": 100}}
    instruct = {"base": "raw", "instructions": mixture, "training": training}
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


def write_config(folder: Path, config: dict) -> Path:
    """Write a config beside where the study runs."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def command(folder: Path, *options: str, checkout: Path = ROOT) -> list[str]:
    """The snakemake command for the study whose config lies in ``folder``."""
    start = [sys.executable, "-m", "snakemake", "--snakefile", str(checkout / "Snakefile"), "--directory", str(folder)]
    return [*start, "--configfile", str(folder / "study.yaml"), "--cores", "2", *options]


def run(folder: Path, *options: str, checkout: Path = ROOT) -> subprocess.CompletedProcess:
    """Run snakemake to its end; output and errors together in ``stdout``."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command(folder, *options, checkout=checkout),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def planned(folder: Path, *options: str, checkout: Path = ROOT) -> dict[str, int]:
    """Jobs that a run would start, by rule (blocks of seeds counted together), from a dry run."""
    out = run(folder, "--dry-run", *options, checkout=checkout)
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
