"""The files that a job reads: each says which it is; those that are not what the plan says are named and set aside."""

import pandas as pd
import pytest

from peftport.jobs.inputs import WrongInputs, check_inputs, explained, provenance_of
from peftport.storage.cards import read_card, write_card, write_digests
from peftport.storage.files import DamagedFile
from peftport.storage.parquet import read_provenance, write_table

KEY, OTHER = "0123456789abcdef", "fedcba9876543210"
FOLDER = "results/smoke/datasets/film"
SPLITS = [f"{FOLDER}/{name}.parquet" for name in ("train", "validation", "test")]


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    """A folder in which a study runs, with the splits of a dataset, made by one job."""
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"example_id": ["a"], "text": ["b"], "label": ["c"], "answers": None})
    for split in SPLITS:
        write_table(split, frame, "examples", {"key": KEY})
    return tmp_path


def swap(left, right):
    (here := left.read_bytes()), left.write_bytes(right.read_bytes()), right.write_bytes(here)


def said_of(expected, inputs):
    with pytest.raises(WrongInputs) as wrong:
        check_inputs(expected)
    return explained(wrong.value, inputs)


def test_a_file_says_which_file_of_its_study_it_is(study):
    assert read_provenance(SPLITS[0])["path"] == "datasets/film/train.parquet"
    write_card("results/smoke/hosts/raw/host.json", {"key": KEY})
    write_card("results/smoke/hosts/raw/card.json", read_card("results/smoke/hosts/raw/host.json"))
    assert read_card("results/smoke/hosts/raw/card.json")["path"] == "hosts/raw/card.json"
    write_card(study / "elsewhere.json", read_card("results/smoke/hosts/raw/card.json"))
    assert "path" not in read_card(study / "elsewhere.json")


def test_tables_and_cards_say_their_keys(study):
    write_card(study / "card.json", {"key": OTHER})
    write_card(study / "none.json", {})
    files = [study / SPLITS[0], study / "card.json", study / "none.json"]
    assert [provenance_of(path).get("key") for path in files] == [KEY, OTHER, None]


def test_what_is_right_passes():
    check_inputs(dict.fromkeys(SPLITS, KEY))


def test_swapped_splits_are_both_named_and_set_aside(study):
    swap(study / SPLITS[0], study / SPLITS[2])
    said = said_of(dict.fromkeys(SPLITS, KEY), SPLITS)
    assert said.startswith("2 files that this job reads are not what they should be:\n")
    for split, other in ((SPLITS[0], "test"), (SPLITS[2], "train")):
        assert f"  {split} says that it is datasets/film/{other}.parquet (its key is {KEY}" in said
        assert not (study / split).exists() and (study / f"{split}.damaged").is_file()
    assert said.count("run the same command again to remake it.") == 2
    assert (study / SPLITS[1]).is_file()


def test_every_fault_is_found_in_one_look(study):
    """Damaged, made otherwise, and of a folder that is one input."""
    (study / SPLITS[0]).write_bytes((study / SPLITS[0]).read_bytes()[:-1])
    modules = "results/smoke/modules/lora/raw/film/seeds-0-1"
    for seed in (0, 1):
        write_card(f"{modules}/seed-{seed}/card.json", {"key": KEY})
    swap(study / modules / "seed-0/card.json", study / modules / "seed-1/card.json")
    cards = [f"{modules}/seed-{seed}/card.json" for seed in (0, 1)]
    said = said_of(dict.fromkeys([*SPLITS[:2], *cards], KEY) | {SPLITS[1]: OTHER}, [*SPLITS, modules])
    assert said.startswith("4 files") and len(said.splitlines()) == 5
    assert f"{SPLITS[0]} is damaged: " in said
    assert f"{SPLITS[1]} was made with other settings or other code (its key is {KEY}, expected {OTHER})" in said
    assert said.count(f"Its folder {modules} now lies in seeds-0-1.damaged") == 2
    assert sorted(path.name for path in (study / modules).parent.iterdir()) == ["seeds-0-1.damaged"]


def test_a_picture_is_held_against_the_digest_beside_it(study):
    figures = study / "results/smoke/figures"
    figures.mkdir()
    for name in ("curves", "matrix"):
        (figures / f"{name}.svg").write_text(f"<svg>{name}</svg>")
        write_digests(f"results/smoke/figures/{name}.json", [figures / f"{name}.svg"], {"key": KEY})
    cards = [f"results/smoke/figures/{name}.json" for name in ("curves", "matrix")]
    pictures = [card.replace(".json", ".svg") for card in cards]
    check_inputs(dict.fromkeys(cards, KEY))
    swap(figures / "curves.svg", figures / "matrix.svg")
    said = said_of(dict.fromkeys(cards, KEY), [*pictures, *cards])
    assert said.count("svg is damaged: its checksum is not the one of when ") == 2
    assert sorted(path.name for path in figures.glob("*.svg*")) == ["curves.svg.damaged", "matrix.svg.damaged"]


def test_a_file_that_another_job_set_aside_is_said_to_be(study):
    (study / SPLITS[0]).rename(study / f"{SPLITS[0]}.damaged")
    said = said_of({SPLITS[0]: KEY}, SPLITS)
    assert said.startswith(f"{SPLITS[0]} was found damaged and now lies in train.parquet.damaged; run the same command")


def test_a_file_that_is_not_there_is_named():
    assert said_of({f"{FOLDER}/gone.json": KEY}, [f"{FOLDER}/gone.json"]) == f"{FOLDER}/gone.json is not there."


def test_a_folder_without_its_card_is_set_aside(study):
    (study / "results/smoke/starts/seed-0").mkdir(parents=True)
    said = said_of({"results/smoke/starts/seed-0/card.json": KEY}, ["results/smoke/starts"])
    assert "starts/seed-0/card.json is not there. Its folder results/smoke/starts now lies in starts.damaged" in said


def test_what_is_no_input_stays_where_it_is(study):
    (study / SPLITS[0]).write_bytes(b"nothing")
    assert said_of({SPLITS[0]: KEY}, []).startswith(f"{SPLITS[0]} is damaged: ")
    assert (study / SPLITS[0]).is_file()


def test_damage_that_is_found_while_reading_is_set_aside_too(study):
    said = explained(DamagedFile("results/smoke/datasets/./film/train.parquet", "odd"), SPLITS)
    assert "train.parquet is damaged: odd. It now lies in train.parquet.damaged; run the same command again" in said
    assert not (study / SPLITS[0]).exists()


def test_other_errors_move_nothing(study):
    assert explained(ValueError("odd"), SPLITS) == "odd"
    assert "denied" in explained(PermissionError(13, "denied", SPLITS[0]), SPLITS)
    assert (study / SPLITS[0]).is_file()
