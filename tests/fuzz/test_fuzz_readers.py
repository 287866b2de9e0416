"""Any bytes in any format give examples, or one message that names the file."""

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as some

from peftport.data.readers import read_file
from peftport.data.settings import DataFile
from peftport.tasks.labels.rows import LabelledTexts
from tests.fuzz.cases import cases_of

LABELS = {"0": "negative", "1": "positive"}
PATTERN = {"format": "lines", "pattern": r"(?P<label>\d) (?P<text>.*)"}
FORMATS = [{"format": name} for name in ("csv", "tsv", "jsonl", "json", "parquet")] + [
    {"format": "lines", "label": "0"},
    PATTERN,
]
ENCODINGS = [
    "utf-8",
    "latin-1",
    "utf-16",
    "utf-7",
    "idna",
    "cp1252",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
]
ENCODINGS += ["shift_jis", "iso2022_jp", "hz", "utf-8-sig", "undefined", "base64", "?", "a\0b", "x" * 300]
PIECES = [
    b"text,label\n",
    b"text\tlabel\n",
    b'"',
    b",",
    b"\t",
    b"0",
    b"1",
    b"\n",
    b"\r",
    b"\0",
    b"{",
    b"}",
    b"[" * 2000,
]
PIECES += [
    b'{"text": "a", "label": 0}',
    b"\xff",
    "\u00e9".encode(),
    b"PAR1",
    b" ",
    b"\\ud800",
    b"\x1a",
    b"\x85",
    b"a" * 200_000,
]
PIECES += [
    b'{"text": "a", "label": 1e999}',
    b'{"text": {}, "label": []}',
    b'{"text": "a", "label": ' + b"1" * 5000 + b"}",
]
BYTES = some.binary(max_size=60) | some.lists(some.sampled_from(PIECES), max_size=12).map(b"".join)


def settle(folder, entry):
    try:
        rows = read_file(DataFile.model_validate({"path": "any.bin"} | entry), LabelledTexts(LABELS), folder)
    except ValueError as error:
        assert "any.bin" in str(error)
        assert len(str(error)) < 5000
    else:
        assert all(text == " ".join(text.split()) != "" and label in LABELS.values() for text, label in rows)


def test_any_bytes(cases, tmp_path):
    @cases_of(100)
    @given(BYTES, some.sampled_from(FORMATS), some.sampled_from(ENCODINGS))
    def check(content, entry, encoding):
        cases["reader, any bytes"] += 1
        (tmp_path / "any.bin").write_bytes(content)
        settle(tmp_path, entry | {"encoding": encoding})

    check()


COLUMNS = some.sampled_from(
    [
        pa.array(["good", "bad"]),
        pa.array(["good", None]),
        pa.array([b"good", b"\xff"]),
        pa.array(["0", "1"]).dictionary_encode(),
        pa.array([0, 1]),
        pa.array([0.0, float("nan")]),
        pa.array([True, False]),
        pa.array([["a"], []]),
        pa.array([{"a": 1}, None]),
        pa.array([0, 1], pa.timestamp("ns")),
        pa.array([10**30, 0], pa.decimal128(38)),
        pa.array([None, None]),
        pa.array(["a", "b"], pa.large_string()),
        pa.array(["a", "b"], pa.string_view()),
    ]
)


def test_parquet_of_any_kind_and_damage(cases, tmp_path):
    @cases_of(60)
    @given(
        COLUMNS,
        COLUMNS,
        some.lists(some.tuples(some.floats(0, 1), some.integers(0, 7)), max_size=3),
        some.floats(0.3, 2),
    )
    def check(text, label, flips, keep):
        cases["reader, Parquet"] += 1
        path = tmp_path / "any.bin"
        try:
            pq.write_table(pa.table({"text": text, "label": label}), path)
        except pa.ArrowNotImplementedError:
            return
        content = bytearray(path.read_bytes())
        for where, bit in flips:
            content[min(int(where * len(content)), len(content) - 1)] ^= 1 << bit
        path.write_bytes(content[: int(keep * len(content))])
        settle(tmp_path, {"format": "parquet"})

    check()
