"""Read and write tables as Parquet files that carry their provenance and a checksum."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from peftport.registry import unknown_name
from peftport.storage.checksums import CHECKSUM_KEY, add_checksum, verify_checksum
from peftport.storage.files import DamagedFile, atomic_write
from peftport.storage.provenance import JsonObject, identity
from peftport.storage.tables import TABLES


def schema(name: str) -> pa.Schema:
    """The Arrow schema of a table.

    Raises:
        KeyError: no such table.
    """
    return pa.schema([pa.field(key, column.kind, column.null) for key, column in TABLES[name].items()])


def write_table(path: str | Path, frame: pd.DataFrame, name: str, provenance: JsonObject | None = None) -> None:
    """Write ``frame`` as the table ``name``: exactly its columns, in its order; whole or not at all.

    Args:
        provenance: how the file was made (key, config, versions); kept in the Parquet metadata, in a study together
            with ``path``: which file of the study it is.

    Raises:
        ValueError: columns are missing or unknown, or a column that may not be null has nulls.
    """
    columns = TABLES[name]
    if wrong := set(columns) ^ set(frame.columns):
        raise ValueError(f"table {name!r}: missing or unknown columns {sorted(wrong)}")
    for key, column in columns.items():
        if not column.null and frame[key].isna().any():
            raise ValueError(f"table {name!r}: column {key!r} has {int(frame[key].isna().sum())} nulls")
    table = pa.Table.from_pandas(frame[list(columns)], schema(name), preserve_index=False)
    facts = json.dumps({"table": name} | (provenance or {}) | identity(path), sort_keys=True)
    table = table.replace_schema_metadata(None)
    with atomic_write(path) as partial:
        with pq.ParquetWriter(partial, table.schema, compression="zstd", store_schema=False) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({"peftport": facts} | CHECKSUM_KEY)
        add_checksum(partial)


def read_table(path: str | Path, name: str | None = None) -> pd.DataFrame:
    """A table of a study as a data frame, once the file is checked; ``docs/output.md`` explains each column.

    Args:
        name: which table it must be (``"runs"``, a key of ``peftport.storage.tables.TABLES``); by default the one
            that the file says it is.

    Raises:
        DamagedFile: one bit of it is not what was written, or it cannot be read.
        ValueError: it holds other columns, or is a table that this version does not know.
    """
    verify_checksum(path)
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(path, str(error)) from error
    name = name or json.loads(table.schema.metadata[b"peftport"])["table"]
    if name not in TABLES:
        raise ValueError(f"{path}: {unknown_name('table', name, TABLES)}")
    if table.column_names != list(TABLES[name]):
        raise ValueError(f"{path} is no table {name!r}: its columns are {table.column_names}")
    return table.to_pandas()


def read_provenance(path: str | Path) -> JsonObject:
    """How a Parquet file was made, as ``write_table`` was told.

    Raises:
        DamagedFile: one bit of it is not what was written, or ``write_table`` did not write it.
    """
    verify_checksum(path)
    try:
        return json.loads(pq.read_metadata(path).metadata[b"peftport"])
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise DamagedFile(path, f"it is not ours: {error}") from error
