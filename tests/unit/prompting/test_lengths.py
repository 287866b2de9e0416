import pytest

from peftport.prompting.lengths import CAVEAT, cut_notes, cut_sentence, read_lengths
from peftport.storage.parquet import write_table
from tests.encoded import examples

FACTS = {"prompts": 300, "longest_prompt": 128, "longest_allowed": 128, "cut": 200, "cut_tokens": 4100}


def test_what_was_cut_is_one_sentence():
    assert cut_sentence(FACTS) == "200 of 300 prompts were cut to 128 tokens and lost 20 tokens on average"
    assert cut_sentence(FACTS | {"cut": 0, "cut_tokens": 0}) == ""


@pytest.mark.parametrize(("cut", "said", "caveat"), [(0, 0, 0), (15, 1, 0), (16, 1, 1)])
def test_every_split_that_was_cut_is_told_and_one_above_five_percent_is_a_caveat(cut, said, caveat):
    rows = [FACTS | {"host": "raw", "dataset": "film", "split": "test", "cut": cut}]
    assert [len(cut_notes(rows)), len(cut_notes(rows, CAVEAT))] == [said, caveat]
    assert all(note.startswith("host raw, dataset film, test: ") for note in cut_notes(rows))


def test_facts_are_read_from_files_in_their_places(tmp_path):
    file = tmp_path / "results/mine/hosts/raw/prompts/film/test.parquet"
    file.parent.mkdir(parents=True)
    data = examples()
    write_table(file, data.table(), "prompts", {"facts": data.lengths(16)})
    (read,) = read_lengths([file])
    assert read == {"host": "raw", "dataset": "film", "split": "test"} | data.lengths(16)
