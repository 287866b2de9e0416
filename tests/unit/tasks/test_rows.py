"""Reading of choices and completions from files: every format, and one message for whatever is wrong with a row."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peftport.data.derive import leave_out, shuffle_labels
from peftport.data.prepare import prepare
from peftport.data.readers import read_file
from peftport.data.settings import DataFile, DatasetSettings
from peftport.storage.parquet import read_table, write_table
from peftport.tasks.generation import rows as completions
from peftport.tasks.generation.rows import Completions
from peftport.tasks.multiple_choice import rows as choices
from peftport.tasks.multiple_choice.rows import Choices

SKY = ("the sky is", "blue", ["green", "blue"])
PORTAL = {"text": "prompt", "answer": "gold_idx"}
ROW = {"task": "sky", "prompt": "the  sky is", "choices": ["green", "blue"], "gold_idx": 1}


def read(tmp_path, name, content, reading=None, **entry):
    (tmp_path / name).write_text(content)
    return read_file(DataFile.model_validate({"path": name} | entry), reading or Choices(), tmp_path)


def test_rows_of_public_sets_are_read_as_they_are(tmp_path):
    """`{task, prompt, choices, gold_idx}`, as a list and line by line, of one task."""
    rows = [ROW, ROW | {"task": "other", "choices": "not even a list"}]
    entry = {"columns": PORTAL, "where": {"task": "sky"}}
    assert read(tmp_path, "rows.json", json.dumps(rows), **entry) == [SKY]
    assert read(tmp_path, "rows.jsonl", "\n".join(map(json.dumps, rows)), **entry) == [SKY]


@pytest.mark.parametrize("content", ["{}", '{"text": 1}', "[1]", "[", ""])
def test_a_damaged_list_is_named(tmp_path, content):
    with pytest.raises(ValueError, match=r"rows.json.*expected a JSON (list of objects|object)"):
        read(tmp_path, "rows.json", content)


def test_choices_in_columns_of_their_own_and_files_without_a_header(tmp_path):
    columns = {"text": "q", "choices": ["a", "b"], "answer": "right"}
    assert read(tmp_path, "x.csv", "q,right,a,b\nthe sky is,1,green,blue\n", columns=columns) == [SKY]
    codah = {"text": "2", "choices": ["3", "4"], "answer": "5"}
    assert read(tmp_path, "x.tsv", "o\tthe sky is\tgreen\tblue\t1\n", header=False, columns=codah) == [SKY]


def test_lists_in_parquet_and_json_in_csv(tmp_path):
    pq.write_table(
        pa.table({"text": ["the sky is"], "choices": [["green", "blue"]], "answer": [1]}), tmp_path / "x.parquet"
    )
    assert read_file(DataFile(path="x.parquet"), Choices(), tmp_path) == [SKY]
    assert read(tmp_path, "x.csv", 'text,choices,answer\nthe sky is,"[""green"", ""blue""]",1\n') == [SKY]


def test_an_answer_may_be_the_text_of_a_choice(tmp_path):
    assert read(tmp_path, "x.jsonl", json.dumps(ROW | {"answer": "blue", "text": "the sky is"}), Choices(True)) == [SKY]
    with pytest.raises(ValueError, match="line 1: the answer 'red' is none of the choices"):
        read(tmp_path, "x.jsonl", json.dumps(ROW | {"answer": "red", "text": "the sky is"}), Choices(True))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"choices": ["blue", " blue "]}, "line 1: the choices 0 and 1 are equal: 'blue'"),
        ({"choices": ["blue", " "]}, "line 1: the choice 1 is empty"),
        ({"choices": ["blue"]}, "line 1: expected 2 to 100 choices, found 1"),
        ({"choices": "blue"}, "line 1: expected a list of choices, found 'blue'"),
        ({"choices": ["blue", 3]}, r"line 1: expected a text, found 3 \(choice 1\)"),
        ({"gold_idx": 2}, "line 1: expected as answer the place of a choice, 0 to 1, found 2"),
        ({"gold_idx": -1}, "0 to 1, found -1"),
        ({"gold_idx": "blue"}, "0 to 1, found 'blue'"),
        ({"gold_idx": None}, "0 to 1, found None"),
        ({"prompt": ""}, "line 1: the text is empty"),
    ],
)
def test_a_wrong_row_of_choices_is_named(tmp_path, change, said):
    with pytest.raises(ValueError, match=said):
        read(tmp_path, "x.jsonl", json.dumps(ROW | change), columns=PORTAL)


def test_a_missing_column_is_named_with_what_is_there(tmp_path):
    with pytest.raises(ValueError, match=r"x.jsonl, line 1: no column 'answer' for the answer"):
        read(tmp_path, "x.jsonl", json.dumps(ROW), columns={"text": "prompt"})
    with pytest.raises(ValueError, match="no column 'completion' for the completion"):
        read(tmp_path, "x.csv", "text,ref\na,b\n", Completions(9))
    with pytest.raises(ValueError, match=r"a file of lines has texts and labels and no text and completion"):
        read(tmp_path, "x.txt", "a\n", Completions(9))


def test_faulty_rows_are_left_out_and_counted_where_the_config_says_so(tmp_path):
    rows = [ROW, ROW | {"choices": ["blue", "blue"]}, ROW | {"choices": ["blue", ""]}]
    reading = Choices(drops=["choices"])
    assert read(tmp_path, "x.jsonl", "\n".join(map(json.dumps, rows)), reading, columns=PORTAL) == [SKY]
    assert reading.left_out == 2
    with pytest.raises(ValueError, match="place of a choice"):  # an answer out of range is no such fault
        read(tmp_path, "x.jsonl", json.dumps(ROW | {"gold_idx": 9}), reading, columns=PORTAL)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "a", "completion": ""}, "line 1: the completion is empty"),
        ({"text": "a", "completion": []}, "line 1: expected a completion or several"),
        ({"text": "a", "completion": ["b", None]}, r"expected a text, found None \(completion\)"),
        (
            {"text": "a", "completion": "b " * 5},
            "line 1: the completion has 5 words and its end, and .* allows 5 tokens",
        ),
    ],
)
def test_a_wrong_completion_is_named(tmp_path, row, said):
    with pytest.raises(ValueError, match=said):
        read(tmp_path, "x.jsonl", json.dumps(row), Completions(5))


def definition(kind, **settings):
    source = {"files": [{"path": "data.jsonl"}]}
    return DatasetSettings.model_validate({kind: settings, "template": "{text}", "source": source})


def test_choices_are_prepared_without_leaks(tmp_path):
    """The same choices in another order are the same example; with another answer both are dropped."""
    rows = [{"text": f"question {n}", "choices": ["yes", "no"], "answer": n % 2} for n in range(40)]
    rows += [{"text": "question 0", "choices": ["no", "yes"], "answer": 1}]
    rows += [{"text": "question 1", "choices": ["yes", "no"], "answer": 0}]
    rows += [{"text": "question 2", "choices": ["perhaps", "no"], "answer": 0}]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    splits, facts = prepare(definition("multiple_choice"), tmp_path)
    assert (facts["duplicates_dropped"], facts["conflicting_dropped"]) == (1, 2)
    assert {name: len(frame) for name, frame in splits.items()} == {"train": 32, "validation": 4, "test": 4}
    ids = pd.concat(splits.values())["example_id"]
    assert ids.is_unique
    write_table(tmp_path / "examples.parquet", splits["train"], "examples")
    kept = read_table(tmp_path / "examples.parquet", "examples")
    assert [list(own) for own in kept["answers"]] == list(splits["train"]["answers"])
    assert all(label in own for label, own in zip(kept["label"], kept["answers"], strict=True))


def test_rows_of_one_text_are_one_example_with_several_completions(tmp_path):
    rows = [{"text": f"data {n}", "completion": f"{word} sentence {n}"} for n in range(20) for word in ("one", "a")]
    rows.append({"text": "Data 0 !", "completion": ["a sentence 0", "the sentence 0"]})
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    splits, facts = prepare(definition("generation", max_new_tokens=20), tmp_path)
    whole = pd.concat(splits.values())
    assert len(whole) == 20 and facts["duplicates_dropped"] == 1
    (first,) = whole[whole["text"].str.casefold().str.startswith("data 0")]["answers"]
    assert first == ["a sentence 0", "one sentence 0", "the sentence 0"]
    assert (whole["label"] == whole["answers"].str[0]).all()


def frame(rows):
    return pd.DataFrame(rows, columns=["example_id", "text", "label", "answers"])


def test_derived_datasets_know_their_kind():
    own = frame([(str(n), f"text {n}", "abc"[n % 3], ["a", "b", "c"]) for n in range(30)])
    written = frame([(str(n), f"text {n}", f"one {n}", [f"one {n}"]) for n in range(30)])
    for kind, table, module in (("multiple_choice", own, choices), ("generation", written, completions)):
        facts = {"kind": kind}
        shuffled, said = shuffle_labels({"train": table}, 0, facts)
        new = shuffled["train"]
        assert said["labels_changed"]["train"] > 10 and said["examples"] == {"train": {"examples": 30}}
        assert sorted(new["label"]) == sorted(table["label"]) and (new["text"] == table["text"]).all()
        assert all(label in answers for label, answers in zip(new["label"], new["answers"], strict=True))
        kept, said = leave_out({"train": table}, table.head(3), facts)
        assert len(kept["train"]) == 27 and said["removed"] == {"train": 3}
        assert module.counts(table) == {"examples": 30}
    places = choices.shuffled(
        frame([("1", "t", "b", ["a", "b"]), ("2", "u", "c", ["a", "b", "c"])]), np.asarray([1, 0])
    )
    assert places["label"].tolist() == ["a", "b"]  # the third place of two begins again
