"""A random attack on a finished study: swaps, flips, cuts, deletions, with and without new times. Nothing goes unsaid.

``PEFTPORT_ATTACKS=200 pytest -n 0 -m slow -s tests/workflow/test_attack.py`` for the long one; ``PEFTPORT_ROUNDS`` says
how many rounds of several attacks are followed by runs, and ``PEFTPORT_ATTACK_SEED`` which attacks there are.
"""

import contextlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from peftport.jobs.inputs import input_of
from peftport.planning.verify import every_file, read_graph, set_wrong_aside, study_outputs, verify_study
from tests import studies

ATTACKS = int(os.environ.get("PEFTPORT_ATTACKS", "12"))
SEED = int(os.environ.get("PEFTPORT_ATTACK_SEED", "20261130"))
ROUNDS = int(os.environ.get("PEFTPORT_ROUNDS", "1"))
TOGETHER = 4  # attacks in a round
RUNS = 3  # of one command after them: each names and sets aside what it comes across
TABLES = ("runs", "references", "contrasts", "portability", "advice", "carried", "asymmetry")

Attack = Callable[[random.Random, Path, Path], None]


def flip(rng: random.Random, path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(rng: random.Random, path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: rng.randrange(path.stat().st_size)])


def swap(rng: random.Random, path: Path, other: Path) -> None:
    here, there = path.read_bytes(), other.read_bytes()
    path.write_bytes(there)
    other.write_bytes(here)


def copy_over(rng: random.Random, path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def delete(rng: random.Random, path: Path, other: Path) -> None:
    path.unlink()


def swap_folders(rng: random.Random, path: Path, other: Path) -> None:
    """The folders of both files in each other's places, if neither lies in the other."""
    left, right = path.parent, other.parent
    if left == right or left.is_relative_to(right) or right.is_relative_to(left):
        return
    aside = left.with_name("aside")
    left.rename(aside)
    right.rename(left)
    aside.rename(right)


def swap_members(rng: random.Random, path: Path, other: Path) -> None:
    """The same of two seeds of a block; of other files nothing."""
    if path.parent.name in ("seed-0", "seed-1"):
        neighbour = path.parent.with_name({"seed-0": "seed-1", "seed-1": "seed-0"}[path.parent.name])
        swap_folders(rng, path, neighbour / path.name)


KINDS: list[Attack] = [flip, cut, swap, copy_over, delete, swap_folders, swap_members]


def contents(files: list[Path]) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.exists() else None for path in files}


def attack(rng: random.Random, files: list[Path]) -> str:
    """Do one thing to the files that are there; every second time their times stay as they were."""
    there = [path for path in files if path.exists()]
    path = rng.choice(there)
    alike = [other for other in there if other.suffix == path.suffix and other != path] or there
    times = {file: file.stat() for file in there}
    kind, other, keeps = rng.choice(KINDS), rng.choice(alike), rng.random() < 0.5
    kind(rng, path, other)
    for file in there if keeps else []:
        if file.exists():
            os.utime(file, ns=(times[file].st_atime_ns, times[file].st_mtime_ns))
    return f"{kind.__name__} {path} {other}{', times kept' if keeps else ''}"


@pytest.fixture
def study(whole_study, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    shutil.copytree(whole_study, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


def same(path: Path, before: bytes, now: bytes | None) -> bool:
    """Whether a file says what it said; a card does so with another blank, and with another way to write a number."""
    if path.suffix == ".json" and now is not None:
        with contextlib.suppress(ValueError):
            return json.loads(before) == json.loads(now)
    return before == now


@pytest.mark.slow
def test_verify_names_every_attack(study):
    """After each attack, every job whose files changed has a file that is named; then the files are put back."""
    rng, graph = random.Random(SEED), read_graph([study / "study.yaml"])
    files, outputs = every_file(graph), study_outputs(graph)
    good, silent, idle = contents(files), [], 0
    for _ in range(ATTACKS):
        what = attack(rng, files)
        changed = [path for path, content in contents(files).items() if not same(path, good[path], content)]
        named = {outputs[str(input_of(fault.path, outputs))] for fault in verify_study(graph).faults}
        unsaid = [str(path) for path in changed if outputs[str(input_of(path, outputs))] not in named]
        silent += [f"{what}: {unsaid}"] if unsaid else []
        idle += not changed
        for path, content in contents(files).items():
            if content != good[path]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(good[path])
    print(f"{ATTACKS} attacks, of which {idle} changed nothing that a file says; {len(silent)} silent")
    assert silent == [] and idle < ATTACKS / 2
    assert verify_study(graph).is_well


@pytest.mark.slow
def test_runs_after_attacks_end_like_an_undisturbed_one_or_say_what_is_wrong(study, whole_study):
    rng, graph = random.Random(SEED + 1), read_graph([study / "study.yaml"])
    for number in range(ROUNDS):
        print([attack(rng, every_file(graph)) for _ in range(TOGETHER)])
        runs = [studies.run(study)]
        while runs[-1].returncode and len(runs) < RUNS:
            assert "Traceback" not in runs[-1].stdout, runs[-1].stdout
            runs.append(studies.run(study))
        verified = verify_study(graph)
        print(f"round {number}: {[run.returncode for run in runs]}, then {len(verified.faults)} faults")
        if verified.is_well:
            assert runs[-1].returncode == 0, runs[-1].stdout
        else:
            set_wrong_aside(graph, verified.faults)
            out = studies.run(study)
            assert out.returncode == 0, out.stdout
            assert verify_study(graph).is_well
        for table in TABLES:
            pair = [studies.read_tables(folder, table)[0] for folder in (study, whole_study)]
            pd.testing.assert_frame_equal(*pair, check_exact=True)
