"""What the report says of a study beside its tables."""

from dataclasses import replace

import numpy as np
import pytest

from peftport.report.study import told_of_prompts
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
