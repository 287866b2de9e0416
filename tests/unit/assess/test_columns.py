"""Columns of a data file: inferred where it is clear, asked for where it is not."""

import json

import pandas as pd
import pytest

from peftport.assess.columns import UnclearColumns, text_and_label
from peftport.data.columns import look, value_counts

ROWS = [
    {"id": n, "comment": f"a long comment about the film of the day, number {n}", "stars": n % 2} for n in range(30)
]


def written(folder, rows, kind):
    """A file of this kind with these rows."""
    path, frame = folder / f"data.{kind}", pd.DataFrame(rows)
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        frame.to_csv(path, index=False, sep={"csv": ",", "tsv": "\t"}[kind])
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "json", "jsonl", "parquet"])
def test_few_values_are_labels_and_the_longest_texts_are_texts(tmp_path, kind):
    path = written(tmp_path, ROWS, kind)
    assert text_and_label(path) == ("comment", "stars")
    assert value_counts(path, "stars") == {"0": 15, "1": 15}
    assert len(look(path, at_most=7)["comment"]) == 7


def test_usual_names_are_taken_where_several_would_do(tmp_path):
    rows = [row | {"text": "short", "label": "ab"[row["id"] % 2], "kind": "xy"[row["id"] % 2]} for row in ROWS]
    assert text_and_label(written(tmp_path, rows, "csv")) == ("text", "label")


def test_what_is_given_is_taken(tmp_path):
    rows = [row | {"reply": f"an answer to it that is long as well, number {row['id']}"} for row in ROWS]
    path = written(tmp_path, rows, "csv")
    assert text_and_label(path, text="reply") == ("reply", "stars")
    assert text_and_label(path, "comment", "id") == ("comment", "id")


@pytest.mark.parametrize(
    ("change", "given", "said"),
    [
        (lambda n: {"kind": "xy"[n % 2]}, {}, "the labels is not clear: stars, kind can be it; say --label"),
        (lambda n: {"stars": n}, {}, "no column has few values that repeat; say --label"),
        (lambda n: {"reply": f"an answer to it that is long as well, {n}"}, {}, "are of like length; say --text"),
        (lambda n: {}, {"label": "star"}, "there is no column for --label star. Did you mean `stars`"),
        (lambda n: {}, {"text": "comment", "label": "comment"}, "expected two columns"),
    ],
)
def test_one_message_lists_the_columns_with_what_was_seen(tmp_path, change, given, said):
    path = written(tmp_path, [row | change(row["id"]) for row in ROWS], "csv")
    with pytest.raises(UnclearColumns) as caught:
        text_and_label(path, **given)
    assert said in str(caught.value) and "comment: 30 distinct values in 30 rows" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.csv", None, "no such file"),
        ("data.csv", "text,label\n", "no row"),
        ("data.csv", "text,text\na,b\n", "of different names"),
        ("data.txt", "a line\n", "named columns"),
        ("data.jsonl", "[1]\n", "expected JSON objects"),
        ("data.parquet", "nonsense", "no Parquet file"),
    ],
)
def test_a_file_that_has_no_columns_is_refused(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=said):
        look(tmp_path / name)
