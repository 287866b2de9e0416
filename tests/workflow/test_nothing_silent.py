"""What ended with exit 0 and a wrong table once: misplaced files, lost records, code and data that change meanwhile.

Each is refused by name, set aside, and made again by the same command.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from snakemake.persistence.file import FilePersistence

from peftport.planning.graph import Graph
from peftport.planning.plan import make_plan
from peftport.planning.unrecorded import recorded
from peftport.storage.parquet import read_provenance, read_table
from peftport.study.read import read_study
from tests import studies, warm

AGAIN = "run the same command again to remake it."
PORTED = studies.cell_folder("lora", "raw--instruct", "film--film", "ported")
SAMPLED = studies.cell_folder("lora", "raw--instruct", "film--film", "sampled")
STARTS = "starts/lora/raw--instruct/copy/film"
PROMPTS = "hosts/instruct/prompts/film"
# what is swapped -> the two files or folders, the stage that reads both, what is asked of it
SWAPS = {
    "tables": ("tables/runs.parquet", "tables/references.parquet", "compute_statistics", "tables/contrasts.parquet"),
    "predictions of two cells": (
        f"{PORTED}/predictions.parquet",
        f"{SAMPLED}/predictions.parquet",
        "gather_runs",
        "tables/runs.parquet",
    ),
    "splits": (
        "datasets/film/train.parquet",
        "datasets/film/test.parquet",
        "audit_overlap",
        "datasets/overlap.parquet",
    ),
    "prompts": (f"{PROMPTS}/train.parquet", f"{PROMPTS}/test.parquet", "evaluate_cell", f"{PORTED}/scores.parquet"),
    "cards of hosts": (
        "hosts/raw/host.json",
        "hosts/instruct/host.json",
        "check_transfer",
        "hosts/transfers/raw--instruct/copy.json",
    ),
    "figures": ("figures/learning_curves.svg", "figures/paired_differences.svg", "write_report", "report.html"),
}
TOGETHER = [["predictions of two cells"], ["prompts"], ["cards of hosts", "splits"], ["figures"]]  # in one run


def results(study, name):
    return study / "results/smoke" / name


def swap(left, right):
    """Each gets what the other holds, and keeps its own times: nothing is newer than before."""
    contents = [path.read_bytes() for path in (right, left)]
    for path, content in zip((left, right), contents, strict=True):
        times = path.stat()
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def ask(study, rules, *targets, **options):
    return studies.run(study, "--forcerun", *rules, "--", *(f"results/smoke/{name}" for name in targets), **options)


def same(study, finished, name):
    """Whether a table is that of the undisturbed study."""
    pair = [read_table(results(folder, name)) for folder in (study, finished)]
    pd.testing.assert_frame_equal(*pair, check_exact=True)


def refused(study, *kinds):
    """Swap, and ask for what is made from the swapped files: each is named and set aside by the job that reads it."""
    for kind in kinds:
        left, right, _, _ = SWAPS[kind]
        swap(results(study, left), results(study, right))
    rules, targets = ([SWAPS[kind][part] for kind in kinds] for part in (2, 3))
    out = ask(study, rules, *targets)
    assert out.returncode != 0 and "Traceback" not in out.stdout, out.stdout
    for kind in kinds:
        left, right, rule, _ = SWAPS[kind]
        said = out.stdout.partition(f"error ({rule}")[2].partition("====")[0]
        assert "2 files that this job reads are not what they should be:" in said, out.stdout
        for name in (left, right):
            assert f"  results/smoke/{name} " in said
            assert results(study, f"{name}.damaged").exists() and not results(study, name).exists()
        assert said.count(AGAIN) == 2


def made_again(study, finished, kind):
    """Ask once more: everything is there, and tables are those of the undisturbed study."""
    names = {*SWAPS[kind][:2], SWAPS[kind][3]}
    again = studies.run(study, "--", *(f"results/smoke/{name}" for name in sorted(names)))
    assert again.returncode == 0, again.stdout
    for name in names:
        if name.endswith(".parquet"):
            same(study, finished, name)


@pytest.mark.slow
def test_swapped_tables_are_refused_by_name(copy, finished):
    refused(copy, "tables")
    made_again(copy, finished, "tables")


@pytest.mark.slow
@pytest.mark.parametrize("kinds", TOGETHER, ids=" and ".join)
def test_every_kind_of_swapped_file_is_refused_by_name(kinds, copy):
    """That the next run makes them again is tested on tables, and below on a start."""
    refused(copy, *kinds)


@pytest.mark.slow
def test_the_start_of_another_cell_is_refused_by_name(copy, finished):
    """A folder that is one input: the whole of it is set aside."""
    place = results(copy, f"{STARTS}/ported/seeds-0")
    shutil.rmtree(place)
    shutil.copytree(results(copy, f"{STARTS}/sampled/seeds-0"), place)
    out = ask(copy, ["evaluate_cell"], f"{PORTED}/scores.parquet")
    assert out.returncode != 0
    assert f"/ported/seeds-0/seed-0/card.json says that it is {STARTS}/sampled/seeds-0/seed-0/card.json" in out.stdout
    assert "now lies in seeds-0.damaged" in out.stdout and not place.exists()
    assert ask(copy, ["evaluate_cell"], f"{PORTED}/scores.parquet").returncode == 0
    same(copy, finished, f"{PORTED}/scores.parquet")


def graph_of(study):
    return Graph(read_study([study / "study.yaml"], study))


def keys_of(study):
    """Every stage of the study to its key."""
    graph = graph_of(study)
    return {stage: graph.key(stage) for stages in graph.stages.values() for stage in stages}


def test_snakemake_names_its_records_as_we_take_it_to(copy, monkeypatch):
    monkeypatch.chdir(copy)
    persistence, graph = FilePersistence(nolock=True, path=Path(".snakemake")), graph_of(copy)
    paths = [path for stage in graph.every_stage for path in graph.outputs(stage).values()]
    assert len(paths) > 40 and all(recorded(persistence, path) for path in paths)
    assert not recorded(persistence, "results/smoke/spare.parquet")


def test_lost_records_of_the_same_config_change_nothing(copy):
    shutil.rmtree(copy / ".snakemake")
    out = studies.dry_run(copy)
    assert "Nothing to be done" in out.stdout and "without a record" not in out.stdout


def lose(study):
    """Lose Snakemake's records and ask for another margin."""
    shutil.rmtree(study / ".snakemake")
    with open(study / "study.yaml", "a") as config:
        config.write("statistics: {margin: 0.25}\n")


def test_lost_records_after_an_edit_are_told_by_a_dry_run_and_a_plan(copy, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(warm.python()))
    keys = keys_of(copy)
    lose(copy)
    moved = sum(key != keys[stage] for stage, key in keys_of(copy).items())  # each has one file with a key
    assert moved > 5
    before = sorted(path for path in results(copy, "").rglob("*"))
    out = studies.dry_run(copy)
    assert f"{moved} outputs without a record in .snakemake are not this study's; a run makes them again:" in out.stdout
    assert out.stdout.count("was made with other settings or other code") == 3
    assert sorted(path for path in results(copy, "").rglob("*")) == before
    (warning,) = make_plan([copy / "study.yaml"], copy).warnings
    assert warning.startswith(f"{moved} outputs without a record")


@pytest.mark.slow
def test_lost_records_after_an_edit_leave_nothing_stale(copy):
    key = read_provenance(results(copy, "tables/carried.parquet"))["key"]
    lose(copy)
    out = studies.run(copy, "--", "results/smoke/tables/carried.parquet")
    assert out.returncode == 0 and "they now lie in *.damaged, and are made again" in out.stdout, out.stdout
    assert read_provenance(results(copy, "tables/carried.parquet"))["key"] != key
    assert studies.run(copy, "--", "results/smoke/tables/carried.parquet").stdout.count("Nothing to be done") == 1


def meanwhile(study, rule, target, act, **options):
    """What a run says that is planned before ``act`` and whose jobs begin after it."""
    command = studies.command(study, "--forcerun", rule, "--", f"results/smoke/{target}", **options)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=studies.environment(), text=True, **pipes)
    while process.poll() is None and not list(study.glob(".snakemake/locks/*.lock")):
        time.sleep(0.002)
    act()
    printed, _ = process.communicate()
    assert process.returncode != 0, printed
    return printed


@pytest.mark.slow
def test_code_that_is_edited_while_a_study_runs_makes_no_file(copy, finished, tmp_path):
    checkout = studies.copy_checkout(tmp_path / "checkout")
    code, target = checkout / "src/peftport/data/overlap.py", "datasets/overlap.parquet"
    text = code.read_text()
    said = meanwhile(copy, "audit_overlap", target, lambda: code.write_text(text + "\nSPARE = 0\n"), checkout=checkout)
    assert "the library's code changed while this study runs" in said and not results(copy, target).exists()
    code.write_text(text)
    out = ask(copy, ["audit_overlap"], target, checkout=checkout)
    assert out.returncode == 0, out.stdout
    same(copy, finished, target)


@pytest.mark.slow
def test_data_that_are_replaced_while_a_study_runs_make_no_file(hosts, tmp_path):
    config = studies.leaking_config(hosts, tmp_path)
    studies.write_config(tmp_path, config)
    data, target = tmp_path / "film.csv", "datasets/film/train.parquet"
    assert ask(tmp_path, ["prepare_dataset"], target).returncode == 0
    before, text = read_table(results(tmp_path, target)), data.read_text()
    inverted = text.replace("positive", "aside").replace("negative", "positive").replace("aside", "negative")
    said = meanwhile(tmp_path, "prepare_dataset", target, lambda: data.write_text(inverted))
    assert "film.csv changed after this run was planned" in said and not results(tmp_path, target).exists()
    data.write_text(text)
    os.utime(data)
    assert ask(tmp_path, ["prepare_dataset"], target).returncode == 0
    pd.testing.assert_frame_equal(read_table(results(tmp_path, target)), before)
