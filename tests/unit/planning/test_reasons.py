"""Snakemake's reasons in the words of a plan."""

import pytest

from peftport.planning.reasons import reason_in


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("Updated input files: a.parquet", "reads a newer file"),
        ("Input files updated by another job: a, b", "reads what is made again"),
        ("Updated input files: a; Params have changed since last execution: b", "settings or code changed"),
        ("Something new in Snakemake", "Something new in Snakemake"),
    ],
)
def test_reasons(text, ours):
    assert reason_in(text) == ours
