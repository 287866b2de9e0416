"""Killed or interrupted at any moment: the next run finishes, and all files equal an undisturbed study's.

Of every kind of kill there is one; ``PEFTPORT_KILLS=20 pytest -n 0 -m slow -s tests/workflow/test_interruptions.py -k
random`` for the long one.
"""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest

from peftport.planning.console import STOPPING
from peftport.storage.cards import CARD_DIGEST
from peftport.storage.files import file_digest, read_json
from peftport.storage.modules import read_module
from peftport.storage.parquet import read_provenance, read_table
from tests import processes, studies

pytestmark = pytest.mark.slow(seconds=80)

KILLS = int(os.environ.get("PEFTPORT_KILLS", "5"))
SECONDS = (1.0, 8.0)
GRID = {"techniques": ["lora"], "initialisations": ["ported", "scratch"], "seeds": [[0], [1]]}
COMPARED = ("runs", "references", "portability", "contrasts", "asymmetry")
FILES = [str(studies.RESULTS / f"tables/{name}.parquet") for name in COMPARED]
STATE = str(studies.RESULTS / studies.source_folder("lora", "raw", "film") / "state.safetensors")
WHAT = ("everything", "one job", "interrupted", "controller", "fork server")  # in turn
TIMED = ("costs", "techniques", "report", "technique_properties")  # hold measured times


def start(folder, *targets, printed=subprocess.DEVNULL):
    """A run of the study in a session of its own, which Ctrl-C interrupts."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": printed, "stderr": printed}
    heeds = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    return subprocess.Popen(studies.command(folder, *targets), start_new_session=True, **quiet, **heeds)


def same_tables(left, right):
    for name in COMPARED:
        tables = [read_table(folder / f"results/smoke/tables/{name}.parquet", name) for folder in (left, right)]
        pd.testing.assert_frame_equal(*tables, check_exact=True)


def kill(process, what, draw):
    """SIGKILL to the controller with all its processes, to it alone, to one of its jobs or to its fork server, or
    Ctrl-C, which is SIGINT to its group; the number of processes that were sent it.
    """
    if what == "interrupted":
        os.killpg(process.pid, signal.SIGINT)
        return 1
    found = processes.below(process.pid)
    jobs = [one for one, line in found.items() if "/.snakemake/scripts/" in line]
    servers = processes.fork_servers(process.pid)
    chosen = {"everything": [process.pid, *found, *servers], "controller": [process.pid], "fork server": servers}
    targets = chosen.get(what) or ([draw.choice(jobs)] if jobs else [process.pid, *found, *servers])
    for one in targets:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return len(targets)


def files(folder):
    """Every file of the results that is no log, no cost and no time."""
    results = folder / "results/smoke"
    found = {str(path.relative_to(results)): path for path in results.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if not name.startswith(("logs/", "benchmarks/", "checkpoints/"))}


def content(path):
    """What a file says, without when and how it was made."""
    if path.suffix == ".parquet":
        name = read_provenance(path)["table"]
        return read_table(path, name).drop(columns="elapsed_seconds", errors="ignore").to_json()
    if path.suffix == ".json":
        return {name: value for name, value in read_json(path).items() if name not in ("made_at", CARD_DIGEST)}
    return file_digest(path)


def killed(folder, draw, first, most):
    """Run a study to its end over kills, from the first to at most the one of this number; how many there were,
    processes that were killed, and seconds that each freeing of the folder took.
    """
    kills, sent, freed = 0, 0, []
    while first + kills < most:
        process = start(folder)
        try:
            if process.wait(draw.uniform(*SECONDS)) == 0:
                break
            continue  # what the kill before left at work was in its way
        except subprocess.TimeoutExpired:
            sent, kills = sent + kill(process, WHAT[(first + kills) % len(WHAT)], draw), kills + 1
        process.wait()
        if list(folder.glob(".snakemake/locks/*.lock")):
            if not freed:
                assert "--unlock" in studies.run(folder).stdout  # refused, with the one command that frees the folder
            began = time.monotonic()
            assert studies.run(folder, "--unlock").returncode == 0
            freed.append(time.monotonic() - began)
    out = studies.run(folder)
    assert out.returncode == 0, out.stdout
    return kills, sent, freed


def test_studies_killed_at_random_moments(hosts, tmp_path):
    """At random moments, of which the seed is fixed; how far a run is by then is not. Study after study."""
    whole, draw = tmp_path / "whole", random.Random(6)
    studies.write_config(whole, studies.smoke_config(hosts, **GRID))
    out = studies.run(whole)
    assert out.returncode == 0, out.stdout
    kills, sent, freed, rounds = 0, 0, [], 0
    while kills < KILLS:
        folder, rounds = tmp_path / f"round-{rounds}", rounds + 1
        studies.write_config(folder, studies.smoke_config(hosts, **GRID))
        times, processes_, seconds = killed(folder, draw, kills, KILLS)
        kills, sent, freed = kills + times, sent + processes_, freed + seconds
        same(whole, folder)
    print(f"{kills} kills of {sent} processes in {rounds} studies; seconds to free each lock: {sorted(freed)}")


def same(whole, folder):
    """Every file of both, but for times; nothing else lies there, nothing is damaged, nothing is left to do."""
    same_tables(whole, folder)
    here, there = files(folder), files(whole)
    assert here.keys() == there.keys()
    untimed = [name for name in here if Path(name).stem not in TIMED]
    assert [name for name in untimed if content(here[name]) != content(there[name])] == []
    for name in here:
        if name.endswith("adapter_config.json"):
            read_module(here[name].parent)
    assert not [path for path in folder.glob("results/smoke/checkpoints/**/*") if path.is_file()]
    assert not list(folder.glob(".snakemake/locks/*.lock"))
    assert studies.planned(folder) == {}


def job_begins(process, folder, since):
    """Wait until a job has written to its log; seconds since then."""
    while process.poll() is None:
        if any(log.stat().st_mtime > since for log in folder.glob("results/smoke/logs/**/*.log")):
            return time.time() - since
        time.sleep(0.02)
    raise AssertionError("the run ended before a job began")


def test_ctrl_c_is_one_line_and_frees_the_folder(hosts, tmp_path):
    studies.write_config(tmp_path, studies.smoke_config(hosts))
    with open(tmp_path / "printed.txt", "w") as printed:
        process = start(tmp_path, STATE, printed=printed)
        job_begins(process, tmp_path, 0)
        kill(process, "interrupted", random.Random(0))
        process.wait()
    lines = (tmp_path / "printed.txt").read_text().splitlines()
    assert lines[-1] == STOPPING and not [line for line in lines if line.startswith(("Traceback", "Error"))]
    assert not list(tmp_path.glob(".snakemake/locks/*.lock"))


def test_a_killed_controller_is_soon_at_work_again(finished, hosts, tmp_path):
    """How soon is printed: the one command that frees the folder, then the same command, up to its first job."""
    studies.write_config(tmp_path, studies.smoke_config(hosts))
    process = start(tmp_path, STATE)
    job_begins(process, tmp_path, 0)
    kill(process, "everything", random.Random(0))
    process.wait()
    since = time.time()
    assert studies.run(tmp_path, "--unlock").returncode == 0
    process = start(tmp_path, STATE)
    seconds = job_begins(process, tmp_path, since)
    assert process.wait() == 0
    assert (tmp_path / STATE).read_bytes() == (finished / STATE).read_bytes()
    print(f"from a killed controller to the next job: {seconds:.1f} s")
