"""The generated studies are as large as asked, and finished files are made for every job."""

import pytest

from benchmarks.scale import generated, pretend_finished
from peftport.study.config import read_settings
from peftport.study.study import Study

LISTED = """
rule train_source:
    output: results/scale/a/b.parquet, results/scale/a/c.json
    jobid: 1
    reason: Missing output files: results/scale/a/b.parquet
    wildcards: technique=lora0

rule all:
    input: results/scale/a/b.parquet
    jobid: 0
    reason: Rules with neither input nor output files are always executed.
"""


@pytest.mark.parametrize("cells", [1000, 5000, 20000])
def test_size(cells):
    study = Study(read_settings(generated(cells)))
    counted = {cell for cell, _ in study.expanded_runs()}
    assert len(counted) == cells
    assert study.runs == 15 * cells


def test_every_output_is_made(tmp_path):
    assert pretend_finished(LISTED, tmp_path) == 1
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["b.parquet", "c.json"]
