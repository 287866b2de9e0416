"""What the report says of a study beside its tables."""

from dataclasses import replace

import numpy as np
import pytest

from peftport.report.study import host_notes, told_of_prompts
from peftport.storage.parquet import write_table
from tests.encoded import examples


@pytest.mark.parametrize(("cut", "caveats"), [(0, 0), (1, 0), (2, 1)])
def test_a_split_of_which_more_than_5_percent_was_cut_is_a_caveat(cut, caveats, tmp_path):
    """The lengths of all prompts are told, whatever was cut."""
    file = tmp_path / "results/smoke/hosts/raw/prompts/film/test.parquet"
    file.parent.mkdir(parents=True)
    data = replace(examples(count=24), cut_tokens=np.where(np.arange(24) < cut, 5, 0))
    write_table(file, data.table(), "prompts", {"facts": data.lengths(16)})
    lengths, warnings = told_of_prompts([str(file)])
    assert lengths["film, test, in host raw"]["cut"] == cut
    assert sum("raise training.max_tokens" in warning for warning in warnings) == caveats


def test_a_host_in_other_coordinates_has_its_line():
    rewritten = {"base": "raw", "coordinates": {"stream": "rotation", "heads": "permutation"}, "seed": 0}
    rewritten |= {"logits_difference": 3.21e-6, "asked": {"texts": 8, "tokens": 16}}
    assert host_notes([{"host": "turned", "choice": None, "rewritten": rewritten}]) == [
        "turned is raw in other coordinates (stream by a rotation, heads by a permutation) and computes the same: its "
        "answers to 8 rows of random tokens differ by at most 3.2e-06 of the largest."
    ]


def test_a_host_that_was_trained_further_has_its_line():
    """What moved, and what that did to text that was held out."""
    further = {"base": "v1", "steps": 1200, "objective": "hidden spans", "drift": {"total": 0.00441}}
    further |= {
        "kept_layers": None,
        "perplexity": {"before": 38.81, "after": 32.904},
        "held_out": {"windows": 32, "tokens": 96},
    }
    shallow = further | {"kept_layers": [0, 2, 3], "base": "v2"}
    cards = [{"host": "v1", "further": None}, {"host": "v2", "further": further}, {"host": "v3", "further": shallow}]
    notes = host_notes([{"choice": None, **card} for card in cards])
    assert notes[1].startswith("v3 is v2 with its layers 0, 2, 3 alone, after 1,200 further steps")
    assert notes[:1] == [
        "v2 is v1 after 1,200 further steps (hidden spans): its weights have moved by 0.44% of their size (relative "
        "Frobenius norm), and its perplexity on text that was held out (32 windows of 96 tokens) went from 38.81 to "
        "32.90."
    ]
