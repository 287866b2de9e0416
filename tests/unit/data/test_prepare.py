import json
import random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from peftport.data.generated.settings import VALUES
from peftport.data.prepare import prepare
from peftport.data.settings import DatasetSettings
from peftport.data.splits import shares
from peftport.data.texts import normal_form
from peftport.storage.parquet import write_table

LABELS = {"0": "negative", "1": "positive"}


def prepared(definition, folder):
    return prepare(DatasetSettings.model_validate(definition), folder)


def dataset(folder, rows, **keys):
    """A definition over JSON-lines files: ``rows`` is a list of (text, label) or maps split to such a list."""
    given = rows if isinstance(rows, dict) else {"": rows}
    files = []
    for split, examples in given.items():
        path = folder / f"part-{split}.jsonl"
        path.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in examples))
        files.append({"path": path.name} | ({"split": split} if split else {}))
    return {"labels": LABELS, "source": {"files": files}} | keys


def many(count, start=0, positive=0.5):
    return [(f"text number {n}", int(n * 37 % 100 < 100 * positive)) for n in range(start, start + count)]


def texts(splits):
    return {name: set(frame["text"]) for name, frame in splits.items()}


def test_shares_are_taken_from_what_the_source_gives(tmp_path):
    splits, facts = prepared(dataset(tmp_path, many(1000, positive=0.3)), tmp_path)
    assert {name: len(frame) for name, frame in splits.items()} == {"train": 800, "validation": 100, "test": 100}
    assert facts["examples"]["test"] == {"negative": 70, "positive": 30}
    assert facts["examples"]["train"] == {"negative": 560, "positive": 240}
    assert facts["source"]["files"][0]["examples"] == 1000
    assert len(facts["source"]["files"][0]["sha256"]) == 64
    for frame in splits.values():
        write_table(tmp_path / "examples.parquet", frame, "examples")


def test_splits_that_are_given_are_kept(tmp_path):
    given = {"train": many(100), "test": many(40, 1000)}
    splits, _ = prepared(dataset(tmp_path, given, split={"validation": 0.2, "test": 0.4, "seed": 0}), tmp_path)
    assert texts(splits)["test"] == {text for text, _ in given["test"]}
    assert len(splits["validation"]) == 20
    assert len(splits["train"]) == 80


def test_splits_are_disjoint_and_lose_nothing(tmp_path):
    found = texts(prepared(dataset(tmp_path, many(500)), tmp_path)[0])
    assert sum(map(len, found.values())) == len(set.union(*found.values())) == 500


def test_the_order_of_the_source_does_not_matter_and_the_seed_does(tmp_path):
    rows = many(300)
    first, _ = prepared(dataset(tmp_path, rows), tmp_path)
    random.Random(0).shuffle(rows)
    again, _ = prepared(dataset(tmp_path, rows), tmp_path)
    other, _ = prepared(dataset(tmp_path, rows, split={"seed": 1}), tmp_path)
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, again[name])
        assert set(frame["text"]) != set(other[name]["text"])


def test_white_space_is_tidied_and_repeats_are_dropped(tmp_path):
    rows = [*many(50), ("  Text\n number 3!", 1), ("TEXT NUMBER 4", 1), ("text number 60", 0), ("text number 60", 0)]
    splits, facts = prepared(dataset(tmp_path, rows), tmp_path)
    assert facts["duplicates_dropped"] == 3
    assert sum(len(frame) for frame in splits.values()) == 51


def test_a_text_with_two_labels_is_dropped(tmp_path):
    rows = {"train": many(50), "test": [*many(50, 500), ("Text number 3 .", 0)]}
    splits, facts = prepared(dataset(tmp_path, rows), tmp_path)
    assert facts["conflicting_dropped"] == 2
    assert not {"text number 3", "Text number 3 ."} & set.union(*texts(splits).values())


def test_nothing_leaks_into_training(tmp_path):
    rows = {
        "train": [*many(100), ("shared one", 1), ("shared two", 0), ("shared three", 1)],
        "validation": [*many(30, 1000), ("Shared two", 0), ("shared three", 1)],
        "test": [*many(30, 2000), ("SHARED three", 1), ("shared one!", 1)],
    }
    splits, facts = prepared(dataset(tmp_path, rows), tmp_path)
    assert facts["duplicates_dropped"] == 4
    found = texts(splits)
    assert {"SHARED three", "shared one!"} < found["test"]
    assert "Shared two" in found["validation"]
    assert [len(found[name]) for name in ("train", "validation", "test")] == [100, 31, 32]


def test_ids_name_the_text_whatever_its_label_and_split(tmp_path):
    first, _ = prepared(dataset(tmp_path, many(100)), tmp_path)
    turned = [(text, 1 - label) for text, label in many(100)]
    second, _ = prepared(dataset(tmp_path, turned, split={"seed": 5}), tmp_path)
    ids = [pd.concat(splits.values()).set_index("text")["example_id"].sort_index() for splits in (first, second)]
    pd.testing.assert_series_equal(*ids)
    assert ids[0].is_unique


def test_at_most_so_many_examples_stratified_and_seeded(tmp_path):
    limits = {"train": 50, "validation": None, "test": 7}
    rows = many(1000, positive=0.2)
    splits, facts = prepared(dataset(tmp_path, rows, examples=limits), tmp_path)
    whole, _ = prepared(dataset(tmp_path, rows), tmp_path)
    assert facts["examples"]["train"] == {"negative": 40, "positive": 10}
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [50, 100, 7]
    assert all(found <= texts(whole)[name] for name, found in texts(splits).items())


def test_several_raw_labels_may_share_a_word(tmp_path):
    labels = {"1": "negative", "2": "negative", "5": "positive"}
    rows = [(f"text {n}", (1, 2, 5)[n % 3]) for n in range(60)]
    splits, _ = prepared(dataset(tmp_path, rows) | {"labels": labels}, tmp_path)
    assert set(splits["train"]["label"]) == {"negative", "positive"}


@pytest.mark.parametrize(
    "rows, keys, message",
    [
        (many(100, positive=0), {}, "no example of label positive in the whole dataset; labels found: negative"),
        (many(100), {"labels": {"0": "bad", "1": "bad"}}, "at least two label words, found bad"),
        ([("a", 0), ("b", 1)], {}, "too few examples: split 'train' has 2|too few examples: split 'validation' has 0"),
        ([], {}, "holds no example"),
        ({"train": many(9), "test": [("fine", 1)]}, {"split": {"validation": 0.3}}, "split 'test' .* is negative"),
        ({"train": many(90)[40:60], "test": many(90)}, {}, "split 'train' has 0"),
    ],
)
def test_refusals(tmp_path, rows, keys, message):
    with pytest.raises(ValueError, match=message):
        prepared(dataset(tmp_path, rows) | keys, tmp_path)


TEXTS = some.text(some.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6).filter(
    lambda text: text.split()
)


@settings(max_examples=40, deadline=None)
@given(some.lists(some.tuples(TEXTS, some.integers(0, 1), some.sampled_from(["train", "test"])), max_size=20))
def test_only_repeats_and_contradictions_are_lost(tmp_path_factory, rows):
    folder = tmp_path_factory.getbasetemp()
    rows = [*rows, *((f"sentence {n}", n % 2, ("train", "test")[n % 4 // 2]) for n in range(40))]
    given = {split: [(text, label) for text, label, its in rows if its == split] for split in ("train", "test")}
    splits, facts = prepared(dataset(folder, given), folder)
    labels = pd.DataFrame({"form": [normal_form(row[0]) for row in rows], "label": [row[1] for row in rows]})
    distinct = labels.groupby("form")["label"].nunique()
    kept = pd.concat(splits.values())["text"].map(normal_form)
    assert sorted(kept) == sorted(distinct.index[distinct == 1])
    assert len(rows) == len(kept) + facts["duplicates_dropped"] + facts["conflicting_dropped"]


@given(some.lists(some.integers(1, 1000), min_size=2, max_size=5), some.floats(0, 1))
def test_shares_add_up_and_keep_proportions(counts, part):
    series = pd.Series(counts, index=[f"label {n}" for n in range(len(counts))])
    examples = round(part * sum(counts))
    given = shares(series, examples)
    assert given.sum() == examples
    assert (given <= series).all()
    assert (given >= min(1, examples // len(counts))).all()
    if (series * examples >= series.sum()).all():
        assert ((given - series * examples / series.sum()).abs() < 1).all()


def test_generated_reviews(tmp_path):
    pytest.importorskip("peftport.data.generated.reviews", reason="the generator is not there")
    source = {"generated": {"domain": "film", "train": 300, "validation": 40, "test": 60, "seed": 0}}
    splits, facts = prepared({"labels": LABELS, "source": source}, tmp_path)
    assert {name: len(frame) for name, frame in splits.items()} == {"train": 300, "validation": 40, "test": 60}
    assert facts["examples"]["test"] == {"negative": 30, "positive": 30}
    assert facts["source"] == {"kind": "generated"} | source["generated"]
    assert len(set.union(*texts(splits).values())) == 400


@pytest.mark.parametrize("task", VALUES)
@pytest.mark.parametrize("keys", [{}, {"sentences": 3}], ids=["short", "long"])
def test_every_split_of_a_generated_task_has_each_label_equally_often(tmp_path, task, keys):
    domains = ["book", "course", "film", "game", "hotel", "music", "phone", "restaurant"]
    values = VALUES[task] or domains
    source = {"domain": "film" if VALUES[task] else domains, "task": task, "train": 800, "validation": 160, "test": 240}
    words = {value: f"word {value}" for value in values}
    splits, facts = prepared({"labels": words, "source": {"generated": source | keys}}, tmp_path)
    for name, frame in splits.items():
        assert facts["examples"][name] == dict.fromkeys(sorted(words.values()), source[name] // len(values))
        assert frame["label"].isin(words.values()).all()
    forms = [normal_form(text) for frame in splits.values() for text in frame["text"]]
    assert len(set(forms)) == len(forms) == 1200
    again = prepared({"labels": words, "source": {"generated": source | keys}}, tmp_path)[0]
    assert all(frame.equals(again[name]) for name, frame in splits.items())


def test_real_sentences(real_datasets):
    definitions, folder = real_datasets
    splits, facts = prepared(definitions["rotten_tomatoes"], folder)
    assert facts["read"] == {"train": 10662}
    assert facts["examples"]["test"] == {"negative": 533, "positive": 533}
    assert any("é" in text for text in splits["train"]["text"])
    splits, facts = prepared(definitions["sst2"], folder)
    assert facts["read"] == {"train": 6920, "validation": 872, "test": 1821}
    assert len(splits["test"]) == 1821


def test_a_dataset_that_is_only_tested_on_needs_no_other_split(tmp_path):
    splits, facts = prepared(dataset(tmp_path, {"test": many(40)}), tmp_path)
    assert {name: len(frame) for name, frame in splits.items()} == {"train": 0, "validation": 0, "test": 40}
    assert facts["examples"]["train"] == {}
    for frame in splits.values():
        write_table(tmp_path / "examples.parquet", frame, "examples")
    with pytest.raises(ValueError, match="split 'train' has 0"):
        prepared(dataset(tmp_path, {"validation": many(40), "test": many(40, 50)}), tmp_path)
