import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peftport.storage.parquet import read_provenance, read_table, schema, write_table
from peftport.storage.tables import TABLES

VALUES = {pa.string(): "a", pa.int64(): 1, pa.float64(): 0.5, pa.bool_(): True, pa.list_(pa.int32()): [3, 1]}
VALUES |= {pa.list_(pa.string()): ["a", "b"], pa.list_(pa.list_(pa.int32())): [[3, 1], [2]]}


def one_row(name):
    return pd.DataFrame({key: [VALUES[column.kind]] for key, column in TABLES[name].items()})


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back(tmp_path, name):
    write_table(tmp_path / "t.parquet", one_row(name), name, {"key": "k"})
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.parquet", name), one_row(name), check_dtype=False)
    assert read_provenance(tmp_path / "t.parquet") == {"table": name, "key": "k"}
    assert pq.read_schema(tmp_path / "t.parquet").types == schema(name).types


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_keeps_its_types(tmp_path, name):
    write_table(tmp_path / "t.parquet", one_row(name).iloc[:0], name)
    assert pq.read_schema(tmp_path / "t.parquet").types == schema(name).types


@pytest.mark.parametrize("name", TABLES)
def test_every_column_says_what_it_holds(name):
    assert all(column.meaning for column in TABLES[name].values())


def test_columns_are_put_in_order(tmp_path):
    frame = one_row("examples")
    write_table(tmp_path / "t.parquet", frame[frame.columns[::-1]], "examples")
    assert list(read_table(tmp_path / "t.parquet", "examples")) == list(TABLES["examples"])


def test_nulls_are_refused_and_leave_no_file(tmp_path):
    frame = pd.DataFrame({"example_id": ["1", "2"], "text": ["a", None], "label": ["x", "y"], "answers": None})
    with pytest.raises(ValueError, match="'text' has 1 nulls"):
        write_table(tmp_path / "t.parquet", frame, "examples")
    assert os.listdir(tmp_path) == []


def test_nulls_are_kept_where_they_are_allowed(tmp_path):
    frame = one_row("scores").assign(generated_accuracy=np.nan, invalid_rate=None)
    write_table(tmp_path / "t.parquet", frame, "scores")
    assert read_table(tmp_path / "t.parquet", "scores")[["generated_accuracy", "invalid_rate"]].isna().all(axis=None)


@pytest.mark.parametrize("change", [{"drop": "label"}, {"add": "extra"}])
def test_wrong_columns_are_named(tmp_path, change):
    frame = one_row("examples")
    frame = frame.drop(columns=change["drop"]) if "drop" in change else frame.assign(**{change["add"]: 1})
    with pytest.raises(ValueError, match=next(iter(change.values()))):
        write_table(tmp_path / "t.parquet", frame, "examples")


@pytest.mark.parametrize("keep", [0, 4, 0.5, -8])
def test_damaged_files_are_named(tmp_path, keep):
    path = tmp_path / "t.parquet"
    write_table(path, one_row("examples"), "examples")
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    for read in (lambda: read_table(path, "examples"), lambda: read_provenance(path)):
        with pytest.raises(ValueError, match=r"t\.parquet is damaged"):
            read()


def test_another_table_is_refused(tmp_path):
    write_table(tmp_path / "t.parquet", one_row("examples"), "examples")
    with pytest.raises(ValueError, match="is no table 'scores'"):
        read_table(tmp_path / "t.parquet", "scores")


def test_a_file_that_is_not_ours_has_no_origin(tmp_path):
    one_row("examples").to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="no Parquet file with a checksum of ours"):
        read_provenance(tmp_path / "t.parquet")
