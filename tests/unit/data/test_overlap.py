import json

import pandas as pd
import pytest

from peftport.data.overlap import decontaminate, overlap
from peftport.data.prepare import prepare
from peftport.data.settings import DatasetSettings
from peftport.storage.parquet import write_table


def examples(*texts):
    return pd.DataFrame({"example_id": [f"id {text}" for text in texts], "text": texts, "label": "positive"})


DATASETS = {
    "a": {"train": examples("Good film.", "bad film", "own"), "test": examples("dull")},
    "b": {"train": examples("good film", "bad film"), "test": examples("DULL !", "Own", "more")},
}


def test_every_two_splits_stand_once(tmp_path):
    table = overlap(DATASETS)
    pairs = table[["left_dataset", "left_split", "right_dataset", "right_split"]].apply(tuple, axis=1).tolist()
    assert len(pairs) == len({frozenset((pair[:2], pair[2:])) for pair in pairs}) == 6
    write_table(tmp_path / "overlap.parquet", table, "overlap")


def test_counts_and_ids():
    table = overlap(DATASETS).set_index(["left_dataset", "left_split", "right_dataset", "right_split"])
    row = table.loc[("a", "train", "b", "train")]
    assert (row["left_examples"], row["right_examples"], row["exact"], row["normalised"]) == (3, 2, 1, 2)
    assert json.loads(row["example_ids"]) == ["id Good film.", "id bad film"]
    row = table.loc[("a", "train", "b", "test")]
    assert (row["exact"], row["normalised"], row["example_ids"]) == (0, 1, '["id own"]')
    assert table.loc[("a", "train", "a", "test"), "normalised"] == 0


def test_at_most_a_thousand_ids_are_listed():
    many = examples(*(f"text {number}" for number in range(1200)))
    row = overlap({"a": {"train": many}, "b": {"train": many}}).iloc[0]
    assert row["normalised"] == 1200
    assert len(json.loads(row["example_ids"])) == 1000


@pytest.mark.parametrize("datasets", [{}, {"a": {"train": examples("x")}}])
def test_nothing_to_compare_is_an_empty_table(tmp_path, datasets):
    assert overlap(datasets).empty
    write_table(tmp_path / "overlap.parquet", overlap(datasets), "overlap")


def test_decontaminated_training_data_shares_nothing_with_the_test_data():
    train, removed = decontaminate(DATASETS["a"]["train"], DATASETS["b"]["train"])
    assert (train["text"].tolist(), removed) == (["own"], 2)
    assert overlap({"a": {"train": train}, "b": {"train": DATASETS["b"]["train"]}})["normalised"].sum() == 0
    assert len(DATASETS["a"]["train"]) == 3


def test_nothing_to_remove_removes_nothing():
    train, removed = decontaminate(DATASETS["a"]["train"], examples())
    assert (len(train), removed) == (3, 0)
    train, removed = decontaminate(examples(), DATASETS["a"]["train"])
    assert (len(train), removed) == (0, 0)


def test_rotten_tomatoes_and_sst_share_sentences(real_datasets):
    definitions, folder = real_datasets
    settings = {name: DatasetSettings.model_validate(definition) for name, definition in definitions.items()}
    datasets = {name: prepare(dataset, folder)[0] for name, dataset in settings.items()}
    table = overlap(datasets)
    between = table[table["left_dataset"] != table["right_dataset"]]
    assert (between["exact"].sum(), between["normalised"].sum()) == (4263, 7888)  # of 9,600 sentences of SST
    assert table[table["left_dataset"] == table["right_dataset"]]["normalised"].sum() == 0
    train, removed = decontaminate(datasets["rotten_tomatoes"]["train"], datasets["sst2"]["test"])
    assert removed > 1000
    assert overlap({"a": {"train": train}, "b": {"test": datasets["sst2"]["test"]}})["normalised"].sum() == 0
