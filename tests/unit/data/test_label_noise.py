"""Label noise: exactly so many training labels are exchanged, never for themselves, and nothing else changes."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from peftport.data.label_noise import exchange_labels
from peftport.data.prepare import prepare
from peftport.data.settings import DatasetSettings

WORDS = ["four", "one", "three", "two"]


def examples(number, words=WORDS):
    """Examples in the order of ids."""
    ids = [f"{row:016x}" for row in range(number)]
    labels = [words[row * 7 % len(words)] for row in range(number)]
    return pd.DataFrame({"example_id": ids, "text": [f"text {one}" for one in ids], "label": labels, "answers": None})


def exchanged(before, after):
    return (before["label"] != after["label"]).to_numpy()


@settings(max_examples=80, deadline=None)
@given(some.integers(0, 200), some.integers(2, 4), some.floats(0, 1), some.integers(0, 99))
def test_exactly_so_many_labels_are_others_and_nothing_else_changes(number, labels, share, seed):
    before = examples(number, words := WORDS[:labels])
    after, count = exchange_labels(before, words, share, seed)
    assert count == round(share * number) == exchanged(before, after).sum()
    assert set(after["label"]) <= set(words)
    pd.testing.assert_frame_equal(after.drop(columns="label"), before.drop(columns="label"))
    pd.testing.assert_frame_equal(after, exchange_labels(before, words, share, seed)[0])
    shuffled = before.sample(frac=1, random_state=seed)
    again = exchange_labels(shuffled, words, share, seed)[0]
    pd.testing.assert_frame_equal(again.sort_values("example_id", ignore_index=True), after)


@given(some.floats(0, 1), some.floats(0, 1), some.integers(0, 99))
def test_a_larger_share_exchanges_what_a_smaller_one_does(one, other, seed):
    before = examples(150)
    less, more = (exchange_labels(before, WORDS, share, seed)[0] for share in sorted((one, other)))
    own = exchanged(before, less)
    assert (less["label"][own] == more["label"][own]).all()


def test_the_new_label_is_uniform_among_the_others_and_rows_are_too():
    before = examples(4000)
    rows = exchanged(before, after := exchange_labels(before, WORDS, 0.75, 0)[0])
    for word in WORDS:
        counts = after["label"][rows & (before["label"] == word)].value_counts()
        assert word not in counts and len(counts) == 3 and counts.between(200, 300).all()  # 250 each
    assert all(abs(rows[start : start + 1000].sum() - 750) < 60 for start in range(0, 4000, 1000))


def test_another_seed_exchanges_others():
    before = examples(400)
    one, other = (exchanged(before, exchange_labels(before, WORDS, 0.5, seed)[0]) for seed in (0, 1))
    assert 150 < (one != other).sum() < 250


def prepared(folder, source, labels, **keys):
    return prepare(DatasetSettings.model_validate({"labels": labels, "source": source} | keys), folder)


SENTIMENT = {"negative": "negative", "positive": "positive"}
TOPICS = {name: name for name in ("film", "book", "hotel")}


def local_files(folder):
    rows = [{"text": f"text {row}", "label": ("negative", "positive")[row % 2]} for row in range(200)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"files": [{"path": "rows.jsonl"}]}


SIZES = {"train": 90, "validation": 30, "test": 60}
SOURCES = {
    "files": (local_files, SENTIMENT),
    "reviews": (lambda folder: {"generated": {"domain": "film"} | SIZES}, SENTIMENT),
    "topics": (lambda folder: {"generated": {"domain": list(TOPICS), "task": "topic"} | SIZES}, TOPICS),
}


@pytest.mark.parametrize("name", SOURCES)
def test_only_training_examples_of_a_dataset_get_other_labels(tmp_path, name):
    make, labels = SOURCES[name]
    source = make(tmp_path)
    plain, facts = prepared(tmp_path, source, labels)
    noisy, told = prepared(tmp_path, source, labels, label_noise=0.3)
    pd.testing.assert_frame_equal(noisy["test"], plain["test"])
    pd.testing.assert_frame_equal(noisy["validation"], plain["validation"])
    number = round(0.3 * len(plain["train"]))
    assert exchanged(plain["train"], noisy["train"]).sum() == number > 0
    assert "labels_exchanged" not in facts and told["labels_exchanged"] == {"train": number}
    assert told["examples"]["train"] == noisy["train"]["label"].value_counts().to_dict()


def test_noise_counts_the_examples_that_are_left_and_goes_by_the_seed_of_the_splits(tmp_path):
    source, limits = local_files(tmp_path), {"examples": {"train": 50}}
    _, told = prepared(tmp_path, source, SENTIMENT, label_noise=0.1, **limits)
    assert told["labels_exchanged"] == {"train": 5}
    rest = [{"text": f"further {row}", "label": ("negative", "positive")[row % 2]} for row in range(4)]
    files = [{"path": "rows.jsonl"}]
    for split, rows in (("validation", rest[:2]), ("test", rest[2:])):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        files.append({"path": f"{split}.jsonl", "split": split})
    one, other = (
        prepared(tmp_path, {"files": files}, SENTIMENT, label_noise=0.5, split={"seed": seed})[0]["train"]
        for seed in (0, 1)
    )
    assert one["text"].equals(other["text"]) and exchanged(one, other).sum() > 60
