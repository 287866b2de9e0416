import codecs
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from peftport.data.accepted import key_of
from peftport.data.columns import look
from peftport.data.readers import EXTENSIONS, LINE_BYTES, READERS, read_file
from peftport.data.settings import DataFile
from peftport.tasks.labels.rows import LabelledTexts

LABELS = {"0": "negative", "1": "positive"}
TWO = [("bad film", "negative"), ("good film", "positive")]


def read(tmp_path, content, name="reviews.csv", **entry):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(DataFile(path=name, **entry), LabelledTexts(LABELS), tmp_path)


def parquet(tmp_path, columns, name="reviews.parquet", **entry):
    pq.write_table(pa.table(columns), tmp_path / name)
    return read_file(DataFile(path=name, **entry), LabelledTexts(LABELS), tmp_path)


def test_every_extension_has_a_reader():
    assert set(EXTENSIONS.values()) == set(READERS)


@pytest.mark.parametrize(
    "name, content, entry",
    [
        ("a.csv", "text,label\nbad film,0\ngood film,1\n", {}),
        ("a.csv", "label,other,text\r\n0,x,bad film\r\n\r\n1,y,good film", {}),
        ("a.csv", "\ufefftext,label\nbad film,0\ngood film,1\n", {}),
        ("a.csv", 'review,stars\n"bad\n film",0\n good  film ,1\n', {"columns": {"text": "review", "label": "stars"}}),
        ("a.dat", "text,label\nbad film,0\ngood film,1\n", {"format": "csv"}),
        ("a.tsv", "text\tlabel\nbad film\t0\ngood film\t1\n", {}),
        ("a.jsonl", '{"text": "bad film", "label": 0}\n\n{"label": "1", "text": "good film", "x": 2}\n', {}),
        ("a.jsonl", '{"text": "bad film", "label": 0.0}\n{"label": " 1 ", "text": "good film"}', {}),
        ("a.txt", "0 bad film\n1 good film\n", {"pattern": r"(?P<label>\d) (?P<text>.*)"}),
    ],
)
def test_text_formats(tmp_path, name, content, entry):
    assert read(tmp_path, content, name, **entry) == TWO


@pytest.mark.parametrize("labels", [[0, 1], ["0", "1"], [0.0, 1.0], pa.array(["0", "1"]).dictionary_encode()])
def test_parquet(tmp_path, labels):
    assert parquet(tmp_path, {"text": ["bad film", "good film"], "label": labels}) == TWO


def test_lines_with_one_label(tmp_path):
    assert read(tmp_path, "bad film\nvery bad\n", "x.neg", format="lines", label="0") == [
        ("bad film", "negative"),
        ("very bad", "negative"),
    ]


def test_quotation_marks_in_tsv_are_text(tmp_path):
    assert read(tmp_path, 'text\tlabel\n"bad" film\t0\n', "a.tsv") == [('"bad" film', "negative")]


def test_another_encoding(tmp_path):
    assert read(tmp_path, "text,label\ncafé,1\n".encode("latin-1"), encoding="latin-1") == [("café", "positive")]


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "UTF8"])
def test_a_byte_order_mark_is_no_text(tmp_path, name):
    assert read(tmp_path, codecs.BOM_UTF8 + b"text,label\nbad,0\n", encoding=name) == [("bad", "negative")]


PATTERN = {"format": "lines", "pattern": r"(?P<label>\d) (?P<text>.*)"}
REFUSALS = {
    "missing column": (
        "text,lable\na,0\n",
        {},
        r"line 1: no column 'label' for the label. Did you mean `lable`.*'text'",
    ),
    "empty file": ("", {}, "the file is empty; expected a header"),
    "too few fields": ("text,label\na,0\nb\n", {}, "line 3: expected 2 fields as in the header, found 1"),
    "too many fields": ("text,label\na, b,0\n", {}, "line 2: expected 2 fields .* found 3"),
    "empty text": ("text,label\na,0\n  ,1\n", {}, "line 3: the text is empty"),
    "empty text after two-line text": ('text,label\n"a\nb",0\n,1\n', {}, "line 4: the text is empty"),
    "unknown label": (
        "text,label\na,2\n",
        {},
        r"line 2: label '2' is not in the label map; allowed: '0' \(negative\), '1'",
    ),
    "empty label": ("text,label\na,\n", {}, "line 2: the label is empty"),
    "open quote": ('text,label\na,0\n"b,1\n', {}, "line 3: damaged record"),
    "not UTF-8": ("text,label\na,0\ncafé,1\n".encode("latin-1"), {}, r"line 3, byte 4: 0xe9 is not utf-8.*latin-1"),
    "NUL": ("text,label\na\0b,0\n", {}, "line 2: the text holds characters that no text has"),
    "UTF-16": ("text,label\na,0\n".encode("utf-16"), {"encoding": "utf-16"}, "encoding 'utf-16' is unknown or has no"),
    "unknown encoding": ("text,label\na,0\n", {"encoding": "latin-99"}, "encoding 'latin-99' is unknown"),
    "no text encoding": ("text,label\na,0\n", {"encoding": "rot13"}, "encoding 'rot13' is unknown"),
    "long line": ("text,label\n" + "a" * (LINE_BYTES + 1), {}, "line 2: longer than 1,000,000 bytes"),
    "long text": ("a" * 100_001, {"format": "lines", "label": "0"}, "line 1: the text has 100,001 characters"),
    "long field": ("text,label\n" + "a" * 200_000 + ",0\n", {}, "line 2: damaged record: field larger"),
    "no JSON": ('{"text": "a", "label": 0}\n{"text": \n', {"format": "jsonl"}, "line 2: expected a JSON object"),
    "no object": ("[1]\n", {"format": "jsonl"}, r"line 1: expected a JSON object, found \[1\]"),
    "deep JSON": ("[" * 100_000, {"format": "jsonl"}, "line 1: expected a JSON object"),
    "missing field": ('{"text": "a"}\n', {"format": "jsonl"}, "line 1: no column 'label' for the label"),
    "no string": ('{"text": 5, "label": 0}\n', {"format": "jsonl"}, "line 1: expected a text, found 5"),
    "half a character": (r'{"text": "\ud800", "label": 0}', {"format": "jsonl"}, "line 1: the text holds characters"),
    "no label given": ("a\n", {"format": "lines"}, "needs either `label` or `pattern`"),
    "blank line": ("a\n\nb\n", {"format": "lines", "label": "0"}, "line 2: the text is empty"),
    "no match": ("0 a\nb\n", PATTERN, "line 2: the pattern .* does not fit 'b'"),
    "no regular expression": ("0 a\n", PATTERN | {"pattern": "("}, "is no regular expression"),
    "groups missing": ("0 a\n", PATTERN | {"pattern": "(.*)"}, r"lacks \(\?P<label>\.\.\.\) and \(\?P<text>"),
    "no Parquet": ("text,label\n", {"format": "parquet"}, "damaged or no Parquet file"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_name_file_line_and_cause(tmp_path, case):
    content, entry, message = REFUSALS[case]
    with pytest.raises(ValueError, match=r"(?s)reviews\.csv.*" + message):
        read(tmp_path, content, **entry)


def test_an_extension_that_tells_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"extension '\.neg' does not tell the format"):
        read(tmp_path, "a", "x.neg")


@pytest.mark.parametrize("name", ["revews.csv", "elsewhere/reviews.csv", "."])
def test_a_missing_file_is_named(tmp_path, name):
    (tmp_path / "reviews.csv").write_text("text,label\n")
    with pytest.raises(ValueError, match="no such file" + (". Did you mean `reviews.csv`" if name[0] == "r" else "")):
        read_file(DataFile(path=name), LabelledTexts(LABELS), tmp_path)


SEMICOLONS = "stars;review\n0;bad, long film\n1;good film\n"
NAMED = {"columns": {"text": "review", "label": "stars"}}


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_what_separates_columns_is_found_or_said(tmp_path, separator):
    expected = [("bad, long film", "negative"), ("good film", "positive")]
    content = SEMICOLONS.replace(";", separator)
    assert read(tmp_path, content, **NAMED) == expected
    assert read(tmp_path, content, delimiter=separator, **NAMED) == expected
    numbered = {"header": False, "columns": {"text": "2", "label": "1"}}
    assert read(tmp_path, f"0{separator}bad film\n1{separator}good film\n", **numbered) == TWO
    with pytest.raises(ValueError, match=r"no column 'review' for the text.* Columns there: 'stars.review'"):
        read(tmp_path, SEMICOLONS, delimiter=",", **NAMED)


def test_a_comma_separates_where_nothing_has_the_columns(tmp_path):
    with pytest.raises(ValueError, match="no column 'text' for the text"):
        read(tmp_path, "a;b\n1;2\n")
    assert look(tmp_path / "reviews.csv") == {"a": ["1"], "b": ["2"]}  # nobody has said what columns there are


FAULTY = "text,label\nbad film,0\n,1\ngood film,\n ,0\nodd film,7\ngood film,1\n"


def test_all_faulty_rows_are_counted_at_once(tmp_path):
    said = r"line 3: the text is empty \(of 6 rows 2 have no text and 1 has no label and 1 has a label that is not one "
    with pytest.raises(ValueError, match=said + r"of `labels`; `drop: \[empty, unlabelled, other_label\]` leaves"):
        read(tmp_path, FAULTY)


def test_dropped_kinds_of_rows_are_left_out_and_counted(tmp_path):
    (tmp_path / "reviews.csv").write_text(FAULTY)
    every = LabelledTexts(LABELS, ["empty", "unlabelled", "other_label"])
    assert read_file(DataFile(path="reviews.csv"), every, tmp_path) == TWO
    assert every.left_out == 4
    with pytest.raises(ValueError, match=r"line 4: the label is empty \(of 6 rows 1 has no label and"):
        read_file(DataFile(path="reviews.csv"), LabelledTexts(LABELS, ["empty"]), tmp_path)


def test_parquet_refusals(tmp_path):
    with pytest.raises(
        ValueError, match=r"no column 'label' for the label. Did you mean `labels`\? Columns there: 'text', "
    ):
        parquet(tmp_path, {"text": ["a"], "labels": [0]})
    with pytest.raises(ValueError, match="row 2: the text is empty"):
        parquet(tmp_path, {"text": ["a", None], "label": [0, 1]})
    content = (tmp_path / "reviews.parquet").read_bytes()
    for cut in (content[:-9], content[:40], content[:4] + b"\xff" * 40 + content[44:]):
        with pytest.raises(ValueError, match=r"reviews\.parquet"):
            read(tmp_path, cut, "reviews.parquet")


def test_label_spellings():
    assert [key_of(value) for value in (1, 1.0, " 1\n", True, None, 0.5, float("inf"))] == [
        *("1", "1", "1", "true", "None", "0.5", "inf")
    ]
    assert LabelledTexts({1: "positive"}).accept("here", {"text": "a", "label": 1}) == ("a", "positive")
    assert LabelledTexts({True: "positive"}).accept("here", {"text": "a", "label": True}) == ("a", "positive")


@settings(max_examples=100, deadline=None)
@given(
    some.lists(
        some.tuples(some.text(min_size=1).filter(lambda t: "\0" not in t and t.split()), some.sampled_from("01"))
    )
)
def test_json_lines_lose_nothing(tmp_path_factory, rows):
    content = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    found = read(tmp_path_factory.getbasetemp(), content, "any.jsonl")
    assert found == [(" ".join(text.split()), LABELS[label]) for text, label in rows]
