import pandas as pd
import pytest

from peftport.data.derive import leave_out, shuffle_labels
from peftport.storage.parquet import write_table

FACTS = {"source": {"kind": "files"}, "examples": {"train": {"bad": 9}, "test": {"bad": 9}}, "duplicates_dropped": 2}


def examples(texts, labels):
    names = [f"id {text}" for text in texts]
    return pd.DataFrame({"example_id": names, "text": texts, "label": labels, "answers": None})


def many(count, share):
    texts = [f"text {number}" for number in range(count)]
    return examples(texts, ["good" if number < share * count else "bad" for number in range(count)])


def test_what_stands_in_the_test_set_is_left_out_and_counted(tmp_path):
    train = examples(["Good film.", "bad film", "own", "mine"], ["good", "bad", "good", "bad"])
    validation = examples(["dull", "more"], ["bad", "good"])
    test = examples(["GOOD FILM !", "new"], ["good", "bad"])
    splits, facts = leave_out({"train": train, "validation": validation}, test, FACTS)
    assert splits["train"]["text"].tolist() == ["bad film", "own", "mine"]
    assert splits["validation"]["text"].tolist() == ["dull", "more"]
    assert facts["removed"] == {"train": 1, "validation": 0}
    assert facts["examples"] == {"train": {"bad": 2, "good": 1}, "validation": {"bad": 1, "good": 1}}
    assert facts["duplicates_dropped"] == 2 and "removed" not in FACTS
    for frame in splits.values():
        write_table(tmp_path / "examples.parquet", frame, "examples")


def test_a_label_of_which_nothing_is_left_is_refused():
    train = examples(["good film", "bad film"], ["good", "bad"])
    with pytest.raises(ValueError, match=r"decontaminate: 1 of 2 texts of split 'train' .* no example of good is left"):
        leave_out({"train": train}, examples(["Good film"], ["good"]), FACTS)


def test_shuffled_labels_keep_texts_and_shares(tmp_path):
    splits = {"train": many(400, 0.3), "validation": many(40, 0.5)}
    shuffled, facts = shuffle_labels(splits, 0, FACTS)
    for name, frame in shuffled.items():
        assert frame[["example_id", "text"]].equals(splits[name][["example_id", "text"]])
        assert frame["label"].value_counts().to_dict() == splits[name]["label"].value_counts().to_dict()
        assert facts["labels_changed"][name] == (frame["label"] != splits[name]["label"]).sum()
        write_table(tmp_path / "examples.parquet", frame, "examples")
    assert facts["examples"] == {"train": {"bad": 280, "good": 120}, "validation": {"bad": 20, "good": 20}}


def test_shuffled_labels_know_nothing_of_the_right_ones():
    """Agreement is what chance gives: p squared plus q squared, within four standard errors."""
    frame = many(4000, 0.3)
    shuffled, _ = shuffle_labels({"train": frame}, 0, FACTS)
    agree = (shuffled["train"]["label"] == frame["label"]).mean()
    assert abs(agree - (0.3**2 + 0.7**2)) < 4 * (0.58 * 0.42 / 4000) ** 0.5


def test_the_seed_and_the_split_name_the_draw():
    frame = many(100, 0.5)
    labels = [
        shuffle_labels({split: frame}, seed, FACTS)[0][split]["label"].tolist()
        for seed, split in ((0, "train"), (0, "train"), (1, "train"), (0, "validation"))
    ]
    assert labels[0] == labels[1]
    assert labels[0] != labels[2] and labels[0] != labels[3]
