"""Every bit of a file with a checksum counts."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from peftport.storage.cards import read_card, write_card
from peftport.storage.checksums import CHECKSUM_KEY, add_checksum, verify_checksum
from peftport.storage.files import DamagedFile


@pytest.fixture
def checked(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"text": ["a fine film", "sealed sha256:"], "number": [1, 2]})
    with pq.ParquetWriter(path, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(CHECKSUM_KEY)
    add_checksum(path)
    return path


def test_every_single_bit_is_seen(checked):
    verify_checksum(checked)
    content = checked.read_bytes()
    for place in range(len(content)):
        for bit in (0, 3, 7):
            checked.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
            with pytest.raises(DamagedFile, match=r"t\.parquet is damaged"):
                verify_checksum(checked)


def test_every_cut_and_every_tail_is_seen(checked):
    content = checked.read_bytes()
    for changed in (*(content[:place] for place in range(len(content))), content + b"x", content + content):
        checked.write_bytes(changed)
        with pytest.raises(DamagedFile):
            verify_checksum(checked)


def test_any_reader_of_parquet_reads_it(checked):
    assert pq.read_table(checked)["number"].to_pylist() == [1, 2]


def test_a_file_without_room_for_a_checksum_is_refused(tmp_path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="no place for a checksum"):
        add_checksum(tmp_path / "t.parquet")


def test_every_bit_of_a_card_that_changes_what_it_says_is_seen(tmp_path):
    path = tmp_path / "card.json"
    write_card(path, {"key": "0123", "seed": 0, "shapes": [[2, 3]], "ratio": 0.1})
    content, said = path.read_bytes(), read_card(path)
    for place in range(len(content)):
        for bit in range(8):
            path.write_bytes(content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :])
            try:
                assert read_card(path) == said
            except DamagedFile as error:
                assert "card.json is damaged" in str(error)
