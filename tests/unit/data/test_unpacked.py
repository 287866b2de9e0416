"""Small files that become huge when they are read: refused before that, with the file, what came and the limit."""

import bz2
import gzip
import io
import lzma
import os
import resource
import subprocess
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peftport.data import hub, unpacked
from peftport.data.parquet_bytes import DamagedPages, parquet_bytes
from peftport.data.readers import read_file
from peftport.data.settings import DataFile, HubDataset
from peftport.data.unpacked import refuse_bombs
from peftport.tasks.labels.rows import LabelledTexts
from tests.studies import ROOT

SMALL = 4_000  # bytes that no file of these tests is larger than
BOUNDED = """
import resource, sys
from pathlib import Path
from peftport.data.readers import read_file
from peftport.data.settings import DataFile
from peftport.tasks.labels.rows import LabelledTexts
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read_file(DataFile(path=path), LabelledTexts({"0": "negative", "1": "positive"}), Path())
        print("read")
    except ValueError as error:
        print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def repeated(size, rows):
    """A text of so many bytes, once in a dictionary and meant in every row."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["a" * size]))


def lists(size, number):
    """One row with a list of so many equal texts."""
    return pa.ListArray.from_arrays(pa.array([0, number], pa.int32()), repeated(size, number))


def written(path, columns, **options):
    """A Parquet file of these columns, read as texts whatever they were made from."""
    table = pa.table(columns)
    usual = {
        "compression": "zstd",
        "write_statistics": False,
        "store_schema": False,
        "dictionary_pagesize_limit": 2**30,
    }
    pq.write_table(table, path, **usual | options)
    return path


def labels(rows):
    return pa.array(["1"] * rows)


BOMBS = {
    "a dictionary": lambda: {"text": repeated(15_000_000, 256), "label": labels(256)},
    "a list in one row": lambda: {"text": lists(1_000_000, 4_000), "label": labels(1)},
}
TEXTS = [f"a film, number {number} of them" for number in range(2_000)]
PLAIN_TABLE = {"text": TEXTS, "label": ["0", "1"] * 1_000, "choices": [[text, text[:6]] for text in TEXTS]}
PREFIXES = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}


@pytest.mark.parametrize(
    ("columns", "options", "times"),
    [
        *[(PLAIN_TABLE, {"compression": name}, 3) for name in ("none", "snappy", "gzip", "brotli", "zstd", "lz4")],
        (PLAIN_TABLE, {"data_page_version": "2.0", "data_page_size": 5_000, "row_group_size": 300}, 3),
        ({"text": repeated(100_000, 200)}, {}, 2),
        ({"text": pa.array(["a" * 100_000] * 200)}, PREFIXES, 2),
        ({"text": pa.nulls(200, pa.binary(100_000))}, {}, 2),
        ({"text": pa.nulls(100_000, pa.string())}, {}, 3),
        ({"text": lists(10_000, 500)}, {}, 2),
        ({"label": pa.array(range(50_000)), "score": pa.array([0.5] * 50_000)}, {}, 4),
    ],
)
def test_a_file_is_bounded_by_what_it_comes_to_and_not_by_much_more(columns, options, times, tmp_path):
    path = written(tmp_path / "t.parquet", columns, **options)
    comes_to = pq.read_table(path).nbytes
    assert comes_to <= parquet_bytes(path, 10**15) < times * comes_to + 50_000
    assert parquet_bytes(path, 10**15, ["no such column"]) == 0


@pytest.mark.parametrize("what", BOMBS)
def test_a_few_bytes_that_mean_gigabytes_are_counted_and_refused(what, tmp_path):
    path = written(tmp_path / "bomb.parquet", BOMBS[what]())
    (size, told) = path.stat().st_size, pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    assert size < SMALL and told < 20_000_000 and parquet_bytes(path, 10**15) > 3_500_000_000
    with pytest.raises(ValueError, match=rf"bomb.parquet: {size:,} bytes that unpack to more than 1,000,000,000 bytes"):
        read_file(DataFile(path=str(path)), LabelledTexts({"0": "negative", "1": "positive"}), tmp_path)


def test_reading_them_takes_no_memory(tmp_path):
    """In a process that may not have the memory that they mean."""
    paths = [written(tmp_path / f"{number}.parquet", make()) for number, make in enumerate(BOMBS.values())]
    given = {"capture_output": True, "text": True, "env": os.environ | {"PYTHONPATH": str(ROOT / "src")}}
    limit = (3 * 2**30, 3 * 2**30)
    out = subprocess.run(
        [sys.executable, "-c", BOUNDED, *map(str, paths)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
        **given,
    )
    assert out.returncode == 0, out.stderr
    *said, grown = out.stdout.splitlines()
    assert len(said) == len(BOMBS) and all("that unpack to more than" in line for line in said)
    assert int(grown) < 100 * 1024  # KiB


def test_what_a_footer_says_does_not_count(tmp_path):
    path = written(tmp_path / "bomb.parquet", BOMBS["a dictionary"]())
    told = pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size
    number = bytes((2 * told >> shift & 127) | 128 for shift in (0, 7, 14)) + bytes([2 * told >> 21])
    whole = path.read_bytes()
    assert whole.count(number) >= 1
    path.write_bytes(whole.replace(number, b"\xc8\x81\x80\x00"))  # a hundred, in as many bytes
    assert pq.read_metadata(path).row_group(0).column(0).total_uncompressed_size == 100
    assert parquet_bytes(path, 10**15) > 3_500_000_000


def test_damaged_headers_of_pages_are_named(tmp_path):
    path = written(tmp_path / "t.parquet", PLAIN_TABLE)
    whole = path.read_bytes()
    path.write_bytes(b"PAR1" + b"\xff" * 60 + whole[64:])
    with pytest.raises(DamagedPages):
        parquet_bytes(path, 10**15)
    with pytest.raises(ValueError, match=r"t.parquet: damaged or no Parquet file: a (header|number)"):
        read_file(DataFile(path=str(path)), LabelledTexts({"0": "negative", "1": "positive"}), tmp_path)


MOST = 20_000_000
ZEROS = gzip.compress(b"\0" * MOST, 1)


def zipped(content, name="train.csv"):
    there = io.BytesIO()
    with zipfile.ZipFile(there, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return there.getvalue()


def parquet_of(folder):
    return written(folder / "p.parquet", BOMBS["a dictionary"]()).read_bytes()


HUB_BOMBS = {
    "train.csv.gz": (lambda _: ZEROS * 200, r"unpacks to more than 20,000,000 bytes; .*`source.hub.unpacked`"),
    "train.csv": (lambda _: ZEROS * 200, "unpacks to more than 20,000,000 bytes"),  # what it is called does not count
    "train.zip": (lambda _: zipped(b"\0" * (MOST + 1)), "unpacks to more than 20,000,000 bytes"),
    "train.parquet": (parquet_of, "unpacks to more than 20,000,000 bytes"),
    "in.zip": (lambda _: zipped(ZEROS), r"cannot be unpacked \(zip\): train.csv is packed itself \(gzip\)"),
    "in.gz": (lambda folder: gzip.compress(parquet_of(folder)), r"its content is packed itself \(parquet\)"),
    "cut.gz": (lambda _: ZEROS[:-9], r"cannot be unpacked \(gzip\)"),
    "text.xz": (lambda _: lzma.compress(b"good,1"), r"is packed \(xz\); only gzip, zip, parquet and plain files"),
    "text.bz2": (lambda _: bz2.compress(b"good,1"), r"is packed \(bzip2\)"),
}


@pytest.mark.parametrize("name", HUB_BOMBS)
def test_a_packed_file_of_a_hub_is_refused_before_anything_reads_it(name, tmp_path, monkeypatch):
    make, message = HUB_BOMBS[name]
    content = make(tmp_path)
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / name).write_bytes(content)
    monkeypatch.setattr(hub, "fetch", lambda *_: tmp_path / "snapshot")
    monkeypatch.setattr(hub, "_reader", lambda: pytest.fail)
    given = HubDataset.model_validate({"id": "someone/films", "unpacked": MOST})
    with pytest.raises(ValueError, match=rf"hub dataset someone/films: {name}.*{message}"):
        hub.read_hub(given, LabelledTexts({"0": "negative", "1": "positive"}))


def test_many_small_files_are_counted_together(tmp_path):
    files = [tmp_path / f"{number:02}.gz" for number in range(unpacked.TOGETHER + 1)]
    for file in files:
        file.write_bytes(ZEROS)
    refuse_bombs("here", "key", files[:-1], MOST)
    with pytest.raises(ValueError, match=r"20.gz.* those before it unpack to more than 400,000,000 bytes.*20 times"):
        refuse_bombs("here", "key", files, MOST)


PACKED = {"gzip": gzip.compress(b"text,label\ngood,1\n"), "zip": zipped("text,label\ngood,1\n")}  # they hold the time


@pytest.mark.parametrize("content", PACKED.values(), ids=PACKED)
def test_a_packed_local_file_asks_to_be_unpacked(content, tmp_path):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"t.csv: the file is packed \((gzip|zip)\).* Unpack it first"):
        read_file(DataFile(path="t.csv"), LabelledTexts({"0": "negative", "1": "positive"}), tmp_path)


def test_the_setting_is_not_in_what_a_study_that_does_not_use_it_says():
    assert "unpacked" not in HubDataset(id="a/b").as_json()
    assert HubDataset(id="a/b", unpacked=MOST).as_json()["unpacked"] == MOST
