"""Prompts as a table, and back."""

from dataclasses import replace

import numpy as np
import pytest

from peftport.prompting.encoded import Encoded, read_encoded
from peftport.storage.parquet import write_table
from peftport.storage.tables import TABLES
from tests.encoded import examples


def read_back(folder, data, words=None):
    write_table(folder / "prompts.parquet", data.table(), "prompts")
    return read_encoded(folder / "prompts.parquet", words or data.words)


def test_the_table_has_a_row_for_each_example():
    table = examples(labels=3).table()
    assert list(table) == list(TABLES["prompts"]) and len(table) == 24
    assert set(table["label"]) == {"negative", "positive", "word 2"}


def test_what_is_read_is_what_was_written(tmp_path):
    data = replace(examples(labels=3), cut_tokens=np.arange(24) % 5)
    back = read_back(tmp_path, data)
    assert [row.tolist() for row in back.prompts] == [row.tolist() for row in data.prompts]
    assert back.labels.tolist() == data.labels.tolist() and back.labels.dtype == np.int64
    assert (back.words, back.example_ids) == (data.words, data.example_ids)
    assert back.cut_tokens.tolist() == data.cut_tokens.tolist()


def test_labels_are_words_in_the_file_and_indices_where_it_is_read(tmp_path):
    data = examples()
    back = read_back(tmp_path, data, data.words[::-1])
    assert back.labels.tolist() == (1 - data.labels).tolist()


def test_the_lengths_count_prompts_that_were_cut_and_tokens_that_were_lost():
    data = replace(examples(count=4), cut_tokens=np.asarray([0, 7, 0, 2]))
    assert data.lengths(16) == {
        "prompts": 4,
        "longest_prompt": max(map(len, data.prompts)),
        "longest_allowed": 16,
        "cut": 2,
        "cut_tokens": 9,
    }


def test_the_largest_token_id_is_kept(tmp_path):
    data = Encoded([np.asarray([0, 2**31 - 1])], np.asarray([1]), ["no", "yes"], ["a"], np.asarray([0]))
    assert read_back(tmp_path, data).prompts[0].tolist() == [0, 2**31 - 1]


def test_a_label_that_is_none_is_named(tmp_path):
    data = replace(examples(), words=["negative", "purple"])
    with pytest.raises(ValueError, match=r"prompts.parquet: label 'purple' is none of \['negative', 'positive'\]"):
        read_back(tmp_path, data, ["negative", "positive"])
