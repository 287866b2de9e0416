"""A random attack on a study, finished or running: swaps, flips, cuts, deletions, edits. Nothing goes unsaid.

``PEFTPORT_ATTACKS=200 pytest -n 0 -m slow -s tests/workflow/test_attack.py`` for the long one; ``PEFTPORT_ROUNDS`` says
how many runs are attacked, and after how many rounds of several attacks a study is run (only if it is given), and
``PEFTPORT_ATTACK_SEED`` which attacks there are.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import time
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
STEPS = (0.2, 2.0)  # seconds between two attacks on a running study
EDITS = {  # of the library, each of which changes results
    "src/peftport/porting/sampled.py": ("tensor.std()", "3 * tensor.std()"),
    "src/peftport/compute/optimisation.py": ("self.step + 1) *", "self.step + 1) * 0.1 *"),
    "src/peftport/seeds.py": ("digest()[:8]", "digest()[8:16]"),
}
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


def put_back_after(rng: random.Random, path: Path, content: bytes) -> None:
    """Another content for a moment; every second time the file's times come back as well."""
    before, times = path.read_bytes(), path.stat()
    path.write_bytes(content)
    time.sleep(rng.uniform(0.1, 1.5))
    path.write_bytes(before)
    if rng.random() < 0.5:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit_for_a_moment(rng: random.Random, study: Path, checkout: Path) -> str:
    """The library, the data or the user's host edited while jobs run, and put back."""
    data, weights = study / "mine/film.csv", study / "mine/instruct/model.safetensors"
    path = rng.choice([data, weights, *(checkout / name for name in EDITS)])
    content = path.read_bytes()
    if path == data:
        content = content.replace(b"positive", b"?").replace(b"negative", b"positive").replace(b"?", b"negative")
    elif path == weights:
        content = content[:-64] + bytes(64)
    else:
        old, new = EDITS[path.relative_to(checkout).as_posix()]
        assert old.encode() in content
        content = content.replace(old.encode(), new.encode())
    put_back_after(rng, path, content)
    return f"edited for a moment: {path.name}"


def run_under_attack(rng: random.Random, study: Path, checkout: Path, files: list[Path]) -> list[str]:
    """Run the study while its files, its data and the library change; what was done."""
    for path in rng.sample([path for path in files if path.exists()], 6):
        path.unlink()  # so that there are jobs
    with open(study / "printed.txt", "w") as out:
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(studies.command(study, checkout=checkout), env=studies.environment(), **streams)
        done = []
        while process.poll() is None:
            time.sleep(rng.uniform(*STEPS))
            with contextlib.suppress(OSError):  # a job moves its files at the same moment
                edits = rng.random() < 0.5
                done.append(edit_for_a_moment(rng, study, checkout) if edits else attack(rng, files))
    assert "Traceback" not in (study / "printed.txt").read_text()
    return [*done, f"ended with {process.returncode}"]


def end_like(study: Path, undisturbed: Path, checkout: Path = studies.ROOT) -> str:
    """Run the study's command, and where that is not enough repair it; what came of it. Its tables are the undisturbed
    ones in the end, and no run says that all is well while they are not, unless ``peftport verify`` names the file.
    """
    graph = read_graph([study / "study.yaml"])
    runs = [studies.run(study, checkout=checkout)]
    while runs[-1].returncode and len(runs) < RUNS:
        assert "Traceback" not in runs[-1].stdout, runs[-1].stdout
        runs.append(studies.run(study, checkout=checkout))
    faults = verify_study(graph).faults
    if faults:
        set_wrong_aside(graph, faults)
        out = studies.run(study, checkout=checkout)
        assert out.returncode == 0, out.stdout
        assert verify_study(graph).is_well
    else:
        assert runs[-1].returncode == 0, runs[-1].stdout
    for table in TABLES:
        pair = [studies.read_tables(folder, table)[0] for folder in (study, undisturbed)]
        pd.testing.assert_frame_equal(*pair, check_exact=True)
    return f"{[run.returncode for run in runs]}, then {len(faults)} faults"


@pytest.mark.slow
@pytest.mark.skipif(
    "PEFTPORT_ROUNDS" not in os.environ, reason="long, and seldom finds what a run under attack does not"
)
def test_runs_after_attacks_end_like_an_undisturbed_one_or_say_what_is_wrong(study, whole_study):
    rng, files = random.Random(SEED + 1), every_file(read_graph([study / "study.yaml"]))
    for number in range(ROUNDS):
        print([attack(rng, files) for _ in range(TOGETHER)])
        print(f"round {number}: {end_like(study, whole_study)}")


@pytest.mark.slow(seconds=80)
def test_a_run_under_attack_ends_like_an_undisturbed_one_or_says_what_is_wrong(study, whole_study, tmp_path):
    """Files, data and library change while jobs run; afterwards nothing wrong is taken for right."""
    rng, files = random.Random(SEED + 2), every_file(read_graph([study / "study.yaml"]))
    checkout, count = studies.copy_checkout(tmp_path / "checkout"), 0
    for number in range(ROUNDS):
        done = run_under_attack(rng, study, checkout, files)
        count += len(done) - 1
        print(done)
        print(f"round {number}: {end_like(study, whole_study, checkout)}; {count} attacks so far")
