"""``peftport verify`` on a small finished study: every kind of fault is named by its file, and nothing else is.

Faults are planted with the times of files kept, so that Snakemake sees none of them.
"""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from peftport.planning.graph import Graph
from peftport.planning.sums import NOT_THEIRS
from peftport.planning.verify import every_file, read_graph, set_wrong_aside, study_outputs, verify_study
from peftport.storage.cards import read_card, write_card
from peftport.storage.parquet import read_provenance, read_table, write_table
from tests import studies

pytestmark = pytest.mark.slow  # the study that they read takes a minute

RESULTS = studies.RESULTS
CELLS = {name: studies.cell_folder("lora", studies.MAPPED, "film--film", name, "0-1") for name in ("ported", "sampled")}
MODULES = "modules/lora/raw/film/seeds-0-1"
TRANSFER = f"hosts/transfers/{studies.MAPPED}.json"
STARTS = f"starts/lora/{studies.MAPPED}/film"
SOURCE = studies.source_folder("lora", "raw", "film", "0-1")
PROMPTS = "hosts/instruct/prompts/film"
SWAPS = {
    "tables": ("tables/runs.parquet", "tables/references.parquet"),
    "statistics": ("tables/contrasts.parquet", "tables/carried.parquet"),
    "predictions": tuple(f"{cell}/predictions.parquet" for cell in CELLS.values()),
    "scores": tuple(f"{cell}/scores.parquet" for cell in CELLS.values()),
    "curves": (f"{SOURCE}/training.parquet", f"{CELLS['ported']}/training.parquet"),
    "splits": ("datasets/film/train.parquet", "datasets/film/test.parquet"),
    "prompts": (f"{PROMPTS}/train.parquet", f"{PROMPTS}/test.parquet"),
    "hosts": ("hosts/raw/host.json", "hosts/instruct/host.json"),
    "cards of hosts": ("hosts/raw/card.json", "hosts/instruct/card.json"),
    "labels": ("hosts/raw/labels/film.json", "hosts/instruct/labels/film.json"),
    "states": (f"{SOURCE}/state.safetensors", SOURCE.replace("/raw/", "/instruct/") + "/state.safetensors"),
    "figures": ("figures/learning_curves.svg", "figures/paired_differences.svg"),
    "page and verdict": ("report.html", "verdict.txt"),
    "weights of seeds": tuple(f"{MODULES}/seed-{seed}/adapter_model.safetensors" for seed in (0, 1)),
    "tensors of seeds": tuple(f"{MODULES}/seed-{seed}/tensors.parquet" for seed in (0, 1)),
}


@pytest.fixture
def study(whole_study, tmp_path, monkeypatch):
    """A copy of the finished study that a test may change, as the working directory."""
    folder = tmp_path / "study"
    shutil.copytree(whole_study, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def graph(study) -> Graph:
    return read_graph([study / "study.yaml"])


def within(name) -> Path:
    return RESULTS / name


def rewrite(path: Path, content: bytes) -> None:
    """Other bytes under the same times."""
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    rewrite(path, content)


def swap(left: Path, right: Path) -> None:
    here, there = left.read_bytes(), right.read_bytes()
    rewrite(left, there)
    rewrite(right, here)


def said(graph) -> dict[str, str]:
    """What is said of files of the study: their paths below its results to the reasons."""
    return {fault.path.relative_to(RESULTS).as_posix(): fault.why for fault in verify_study(graph).faults}


def test_nothing_is_wrong_in_an_untouched_study(graph):
    verified = verify_study(graph)
    assert verified.is_well and not verified.faults and not verified.outside and not verified.set_aside
    assert verified.files == len(every_file(graph)) > 80
    not_verified = {"logs", "benchmarks", "checkpoints"}
    lying = {path for path in RESULTS.rglob("*") if path.is_file() and not path.name.startswith(".")}
    assert {path for path in lying if path.relative_to(RESULTS).parts[0] not in not_verified} == set(every_file(graph))


@pytest.mark.parametrize("with_key", [True, False])
def test_a_flipped_bit_in_any_file_is_named(graph, with_key):
    """First in tables and cards, which say what they are themselves; then in files whose digest stands beside them."""
    keyed = {
        Path(graph.below_results(file))
        for stage in set(study_outputs(graph).values())
        for name in (*stage.FILES, *stage.FOLDERS)
        for file in stage.with_key(name, graph.study)
    }
    keyed |= {path for path in every_file(graph) if path.name == "tensors.parquet"}
    hit = [path for path in every_file(graph) if (path in keyed) == with_key]
    assert len(hit) > 20
    for path in hit:
        flip(path)
    reasons = said(graph)
    assert sorted(reasons) == sorted(path.relative_to(RESULTS).as_posix() for path in hit)
    assert all(why.startswith("is damaged: ") for why in reasons.values())


@pytest.mark.parametrize("kind", SWAPS)
def test_swapped_files_are_named(graph, kind):
    left, right = SWAPS[kind]
    swap(within(left), within(right))
    assert sorted(said(graph)) == sorted((left, right))


def test_a_file_in_the_place_of_another_is_said_to_be_that(graph):
    swap(*map(within, SWAPS["splits"]))
    assert said(graph)["datasets/film/train.parquet"].startswith("says that it is datasets/film/test.parquet (its key")


def test_the_modules_of_two_seeds_in_each_others_places_are_named(graph):
    """Whole folders: every file in them is whole."""
    for folder in (MODULES, f"{STARTS}/ported/seeds-0-1"):
        left, right = (within(f"{folder}/seed-{seed}") for seed in (0, 1))
        left.rename(within("aside"))
        right.rename(left)
        within("aside").rename(right)
    reasons = said(graph)
    cards = [f"{folder}/seed-{seed}/card.json" for folder in (MODULES, f"{STARTS}/ported/seeds-0-1") for seed in (0, 1)]
    assert sorted(reasons) == sorted([*cards, *(f"{MODULES}/seed-{seed}/tensors.parquet" for seed in (0, 1))])
    assert f"says that it is {MODULES}/seed-1/card.json" in reasons[f"{MODULES}/seed-0/card.json"]


def test_a_module_of_another_seed_is_named_though_all_else_is_right(graph):
    card = within(f"{STARTS}/ported/seeds-0-1/seed-1/card.json")
    write_card(card, read_card(card) | {"seed": 7})
    assert said(graph) == {f"{STARTS}/ported/seeds-0-1/seed-1/card.json": "is damaged: it is of seed 7, expected 1"}


def test_absent_files_and_folders_are_named_once(graph):
    absent = ["report.html", "tables/advice.parquet", "hosts/raw/host.json", TRANSFER]
    absent += [f"{SOURCE}/state.safetensors", "figures/learning_curves.json", f"{MODULES}/seed-0/card.json"]
    for name in absent:
        within(name).unlink()
    folders = [f"{STARTS}/sampled/seeds-0-1", "hosts/raw/model", f"{STARTS}/ported/seeds-0-1/seed-0"]
    for name in folders:
        shutil.rmtree(within(name))
    reasons = said(graph)
    assert {name for name, why in reasons.items() if why == "is not there"} == {*absent, *folders}
    assert set(reasons) == {*absent, *folders}


def test_a_file_made_with_other_settings_or_code_is_named(graph):
    table, card = within("tables/carried.parquet"), within(TRANSFER)
    write_table(table, read_table(table), "carried", read_provenance(table) | {"key": "0123456789abcdef"})
    write_card(card, read_card(card) | {"key": "0123456789abcdef"})
    reasons = said(graph)
    assert sorted(reasons) == [TRANSFER, "tables/carried.parquet"]
    assert all("was made with other settings or other code (its key is 0123456789abcdef" in w for w in reasons.values())


def test_an_edited_config_makes_what_depends_on_it_stale(study):
    with open(study / "study.yaml", "a") as config:
        config.write("statistics: {margin: 0.25}\n")
    reasons = said(read_graph([study / "study.yaml"]))
    assert "tables/carried.parquet" in reasons and "tables/runs.parquet" not in reasons
    assert all("was made with other settings" in why for why in reasons.values())


def forge(name, table, change):
    """Change a table and keep all that it says of itself."""
    frame, provenance = read_table(within(name)), read_provenance(within(name))
    write_table(within(name), change(frame), table, provenance)


def test_scores_that_are_not_the_sums_of_their_predictions_are_named(graph):
    for cell in CELLS.values():
        forge(f"{cell}/scores.parquet", "scores", lambda frame: frame.assign(score=frame["score"] / 2 + 0.123))
    flip(within("report.html"))
    reasons = said(graph)
    assert sorted(reasons) == sorted(["report.html", *(f"{cell}/scores.parquet" for cell in CELLS.values())])
    assert "predictions.parquet beside it: " in reasons[f"{CELLS['ported']}/scores.parquet"]


def test_an_accuracy_that_is_not_the_score_of_its_row_is_named(graph):
    cell = f"{CELLS['ported']}/scores.parquet"
    forge(cell, "scores", lambda frame: frame.assign(accuracy=frame["accuracy"] / 2 + 0.123))
    assert "its accuracy is not its score" in said(graph)[cell]


def test_scores_are_held_against_predictions_beside_damaged_cells(graph):
    forge(f"{CELLS['ported']}/scores.parquet", "scores", lambda frame: frame.iloc[1:])
    flip(within(f"{CELLS['sampled']}/predictions.parquet"))
    reasons = said(graph)
    assert sorted(reasons) == [f"{CELLS['ported']}/scores.parquet", f"{CELLS['sampled']}/predictions.parquet"]
    assert "runs (budget, seed) of the grid" in reasons[f"{CELLS['ported']}/scores.parquet"]


def test_rows_that_are_not_those_of_the_cells_are_named(graph):
    forge("tables/runs.parquet", "runs", lambda frame: frame.assign(accuracy=frame["accuracy"].to_numpy()[::-1]))
    assert said(graph) == {"tables/runs.parquet": f"is damaged: {NOT_THEIRS}"}


def test_files_from_outside_that_changed_are_named_first(study):
    with open(study / "mine/film.csv", "a") as data:
        data.write('"one more film",positive\n')
    flip(study / "mine/instruct/model.safetensors")
    verified = verify_study(read_graph([study / "study.yaml"]))
    outside = {fault.path.relative_to(study).as_posix(): fault.why for fault in verified.outside}
    assert sorted(outside) == ["mine/film.csv", "mine/instruct/model.safetensors"]
    assert outside["mine/film.csv"].endswith("the study first read it")
    assert all("was made with other settings" in fault.why for fault in verified.faults) and not verified.is_well


def test_a_file_that_cannot_be_opened_is_a_fault(graph):
    path = within("tables/advice.parquet")
    path.unlink()
    path.mkdir()
    assert said(graph) == {"tables/advice.parquet": "cannot be read: Is a directory"}


def test_what_is_wrong_is_set_aside_and_nothing_else(study, graph):
    wrong = ["tables/advice.parquet", f"{MODULES}/seed-1/adapter_config.json", "hosts/raw/model/config.json"]
    for name in wrong:
        flip(within(name))
    within("verdict.txt").unlink()
    earlier = [within("tables/advice.parquet.damaged"), within("figures/old.svg.stale")]
    for path in earlier:
        path.write_text("of an earlier fault")
    before = {path for path in study.rglob("*") if path.is_file()}
    verified = verify_study(graph)
    assert verified.set_aside == sorted(map(str, earlier))
    moved = dict(set_wrong_aside(graph, verified.faults))
    assert moved == {
        str(within(name)): str(within(aside))
        for name, aside in {
            "tables/advice.parquet": "tables/advice.parquet.2.damaged",
            MODULES: f"{MODULES}.damaged",
            "hosts/raw/model": "hosts/raw/model.damaged",
        }.items()
    }
    assert not any(Path(path).exists() for path in moved) and all(Path(path).exists() for path in moved.values())
    assert all(path.read_text() == "of an earlier fault" for path in earlier)
    gone = {path for path in before if not path.exists()}
    assert all(any(path.is_relative_to(study / place) for place in moved) for path in gone)


def test_a_users_own_file_is_never_moved(study, graph):
    flip(study / "mine/instruct/model.safetensors")
    (study / "mine/film.csv").write_text("text,label\n")
    verified = verify_study(graph)
    assert len(verified.outside) == 2 and not verified.faults
    assert set_wrong_aside(graph, [*verified.outside, *verified.faults]) == []
    assert (study / "mine/film.csv").exists() and (study / "mine/instruct/model.safetensors").exists()


def test_after_a_repair_the_same_command_gives_equal_tables(study, graph, whole_study):
    names = ["report.html", "figures/learning_curves.svg", TRANSFER]
    names += [f"{MODULES}/seed-0/tensors.parquet", f"{SOURCE}/training.parquet", f"{CELLS['ported']}/scores.parquet"]
    for name in names:
        flip(within(name))
    assert len(set_wrong_aside(graph, verify_study(graph).faults)) == len(names)
    out = studies.run(study)
    assert out.returncode == 0, out.stdout
    verified = verify_study(graph)
    assert verified.is_well and len(verified.set_aside) == len(names)
    for table in ("runs", "references", "contrasts", "portability", "advice", "carried"):
        pair = [studies.read_tables(folder, table)[0] for folder in (study, whole_study)]
        pd.testing.assert_frame_equal(*pair, check_exact=True)
